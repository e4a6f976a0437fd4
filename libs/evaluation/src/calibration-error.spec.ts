import { describe, expect, it } from 'vitest';
import { expectedCalibrationError } from './calibration-error.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the expected calibration error', () => {
  it('is as worked out bin by bin', () => {
    expect(expectedCalibrationError(goldens.rows)).toBeCloseTo(goldens.calibrationError, 12);
  });

  it('is 0 for the certain and right, 1 for the certain and wrong, 0 without rows', () => {
    expect(expectedCalibrationError([{ actual: 'a', predicted: 'a', confidence: 1 }])).toBe(0);
    expect(expectedCalibrationError([{ actual: 'a', predicted: 'b', confidence: 1 }])).toBe(1);
    expect(expectedCalibrationError([])).toBe(0);
  });
});
