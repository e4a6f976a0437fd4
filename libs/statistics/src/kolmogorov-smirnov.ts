/** Values with a weight each (equal when left out). */
export interface Sample {
  values: ArrayLike<number>;
  weights?: ArrayLike<number>;
}

/**
 * Two-sample Kolmogorov–Smirnov statistic: the largest distance between the two (weighted) empirical distribution
 * functions, 0 to 1. An empty or weightless sample gives 0: nothing was seen to differ.
 * Source: Smirnov 1939; weighted form as in Monahan, Numerical Methods of Statistics, 2011.
 */
export function kolmogorovSmirnov(reference: Sample, window: Sample): number {
  const [referenceWeight, windowWeight] = [totalWeight(reference), totalWeight(window)];
  if (!(referenceWeight > 0 && windowWeight > 0)) return 0;
  const length = reference.values.length;
  const count = length + window.values.length;
  const values = new Float64Array(count);
  const steps = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const [sample, at, total] = i < length ? [reference, i, -referenceWeight] : [window, i - length, windowWeight];
    values[i] = sample.values[at] ?? 0;
    steps[i] = (sample.weights?.[at] ?? 1) / total;
  }
  return largestGap(values, steps, ascending(values));
}

/** Positions of the values from the smallest to the largest. */
export function ascending(values: Float64Array): Int32Array {
  const at = (position: number) => values[position] ?? 0;
  return Int32Array.from(values.keys()).sort((a, b) => at(a) - at(b));
}

/** The largest absolute running sum of steps over ascending values; equal values step together. */
export function largestGap(values: Float64Array, steps: Float64Array, order: Int32Array): number {
  let [distance, largest] = [0, 0];
  for (let i = 0; i < order.length; i++) {
    const at = order[i] ?? 0;
    distance += steps[at] ?? 0;
    // Ties move both functions at once: look only after the last of them.
    if (i + 1 === order.length || values[order[i + 1] ?? 0] !== values[at]) {
      largest = Math.max(largest, Math.abs(distance));
    }
  }
  return largest;
}

function totalWeight({ values, weights }: Sample): number {
  if (weights === undefined) return values.length;
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i] ?? 0;
  return total;
}
