import type { HeldOutWindows } from './held-out-windows.ts';
import { measureNames } from './measures.ts';
import { monteCarloNull, zScore } from './monte-carlo-null.ts';
import type { Random } from './random.ts';
import type { ReferenceTexts } from './reference-texts.ts';
import { stratumCounts, weightingFor } from './weighting.ts';

/** A standard deviation below this share of one text's weight is not believed. */
const textShare = 0.5;

/** Smallest standard deviation of a statistic of `texts` texts. */
export function deviationFloor(texts: number): number {
  return textShare / texts;
}

/**
 * How much wider than chance the measures of real windows lie, by measure, at least 1. Texts that follow each other
 * resemble each other (threads, topics, times of day), so windows differ more than random draws of texts do: every
 * contiguous window of the reference (half overlapping) is measured against the rest, and the root mean square of the
 * z-scores is the factor. About 1 for independent texts.
 * Source: the dispersion of quasi-likelihood, McCullagh and Nelder, Generalized Linear Models, 1989, 4.5.
 * @param windowSize texts; cut to a quarter of the reference, so that there are at least seven windows.
 */
export function temporalDispersion(
  data: ReferenceTexts,
  windows: HeldOutWindows,
  { windowSize, draws, random }: { windowSize: number; draws: number; random: Random },
): Float64Array {
  const size = Math.max(1, Math.min(windowSize, Math.floor(data.rows.length / 4)));
  const stride = Math.max(1, Math.floor(size / 2));
  const squares = new Float64Array(measureNames.length);
  let count = 0;
  // Spread over the reference where there are many: a dozen windows tell the factor well enough.
  const starts: number[] = [];
  for (let start = 0; start + size <= data.rows.length; start += stride) starts.push(start);
  const every = Math.max(1, Math.ceil(starts.length / mostWindows));
  for (const start of starts.filter((_, index) => index % every === 0)) {
    const rows = Int32Array.from({ length: size }, (_, i) => start + i);
    const counts = stratumCounts(data.rows.slice(start, start + size), data.strata);
    const weighting = weightingFor(counts, data.available);
    const nulls = windows.draw(weighting, { draws, random });
    const measured = windows.measure(weighting, rows);
    for (const [i, values] of nulls.entries()) {
      squares[i] = (squares[i] ?? 0) + zScore(measured[i] ?? 0, monteCarloNull(values, deviationFloor(size))) ** 2;
    }
    count++;
  }
  return squares.map((sum) => Math.max(1, Math.sqrt(sum / Math.max(1, count))));
}

const mostWindows = 12;
