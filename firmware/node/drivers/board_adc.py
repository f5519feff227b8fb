"""The processor's own temperature, and a voltage reference on an ADC input, that tells whether the ADC's is right."""

from micropython import const

_OVERSAMPLING = const(16)
_FULL_MV = const(3_300)
_FULL = const(65_535)
# RP2040 data sheet 4.9.5 "Temperature Sensor": 27 degrees at 0.706 V, -1.721 mV a degree
_AT_27_UV = const(706_000)
_SLOPE_UV = const(1_721)
_REFERENCE_MV = const(2_500)  # LM4040-2.5 or the like
_TOLERANCE_MV = const(50)  # 2 %: both references and the ADC's gain
_NONE_MV = const(100)  # below: none is fitted, or its wire has broken
# No processor runs beyond: the converter is wrong, or the sensor.
_COLDEST, _HOTTEST = const(-10_000), const(20_000)
_NO_TEMPERATURE, _NO_VOLTAGE = const(-32_768), const(65_535)  # not yet measured
_AGREE = const(3)  # judgements in a row


class BoardAdc:
    """Read once a second; a reference that has never been seen is not fitted, and never off.

    Parameters
    ----------
    is_fitted : whether one was seen at an earlier start
    """

    def __init__(self, temperature, reference, is_fitted=False):
        self._temperature = temperature.read_u16
        self._reference = reference.read_u16
        self._doubts = 0
        self.is_fitted = is_fitted
        self.centi_celsius = _NO_TEMPERATURE
        self.reference_mv = _NO_VOLTAGE
        self.is_off = False

    def read(self):
        """Measure both; return True if the reference's judgement has changed."""
        uv = self._mean(self._temperature) * 12_588 // 250  # 50.35 uV a step, within a small integer
        centi_celsius = 2_700 - (uv - _AT_27_UV) * 100 // _SLOPE_UV
        self.centi_celsius = centi_celsius if _COLDEST <= centi_celsius <= _HOTTEST else _NO_TEMPERATURE
        mv = self._mean(self._reference) * _FULL_MV // _FULL
        self.reference_mv = mv
        self.is_fitted = self.is_fitted or mv >= _NONE_MV
        is_off = self.is_fitted and abs(mv - _REFERENCE_MV) > _TOLERANCE_MV
        self._doubts = self._doubts + 1 if is_off != self.is_off else 0
        if self._doubts < _AGREE:
            return False
        self._doubts = 0
        self.is_off = is_off
        return True

    @staticmethod
    def _mean(read_u16):
        total = 0
        for _ in range(_OVERSAMPLING):
            total += read_u16()
        return total // _OVERSAMPLING
