/** A prediction beside the label that turned out right. */
export interface LabelledPrediction {
  predicted: string;
  actual: string;
}

export interface ConfusionMatrix {
  /** Of rows and columns. */
  labels: readonly string[];
  /** counts[actual][predicted], by position in `labels`. */
  counts: number[][];
}

/** The labels that occur, as actual or as predicted, in code unit order. */
export function occurringLabels(rows: readonly LabelledPrediction[]): string[] {
  const found = new Set<string>();
  for (const { predicted, actual } of rows) found.add(predicted).add(actual);
  return [...found].toSorted((a, b) => (a < b ? -1 : 1));
}

/**
 * How often each label was answered for each.
 * @param labels rows and columns of the matrix; those that occur when left out.
 * @throws RangeError when a row has a label that is not among them.
 */
export function confusionMatrix(
  rows: readonly LabelledPrediction[],
  labels: readonly string[] = occurringLabels(rows),
): ConfusionMatrix {
  const positions = new Map(labels.map((label, position) => [label, position]));
  const counts = labels.map(() => labels.map(() => 0));
  for (const { predicted, actual } of rows) {
    const column = positions.get(predicted);
    const row = counts[positions.get(actual) ?? -1];
    if (row === undefined || column === undefined) {
      throw new RangeError(`"${row === undefined ? actual : predicted}" is not a label of the matrix`);
    }
    row[column] = (row[column] ?? 0) + 1;
  }
  return { labels, counts };
}
