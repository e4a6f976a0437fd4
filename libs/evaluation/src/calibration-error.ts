import type { LabelledPrediction } from './confusion-matrix.ts';

/**
 * Expected calibration error: texts are put into `bins` bins of equal width by confidence; the mean, over texts, of the
 * distance between a bin's accuracy and its mean confidence. 0 is perfect; biased upwards with few texts a bin.
 * Source: Naeini, Cooper and Hauskrecht, AAAI 2015; 15 bins as in Guo et al., ICML 2017.
 * @returns 0 to 1; 0 without rows.
 */
export function expectedCalibrationError(
  rows: readonly (LabelledPrediction & { confidence: number })[],
  bins = 15,
): number {
  // Right answers less confidence, summed by bin: the bin's size cancels out of its weighted gap.
  const gaps = new Float64Array(bins);
  for (const { predicted, actual, confidence } of rows) {
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
    gaps[bin] = (gaps[bin] ?? 0) + (predicted === actual ? 1 : 0) - confidence;
  }
  return rows.length === 0 ? 0 : gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / rows.length;
}
