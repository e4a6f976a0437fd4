import type { BatchResult, Serving } from '#libs/model';

/** The answer for one text of a batch. */
export interface TextAnswer {
  label: string;
  confidence: number;
  /** Class to probability, in the order of the model's labels. */
  probabilities: Record<string, number>;
  truncated: boolean;
}

type Answered = Pick<BatchResult, 'probabilities' | 'truncated'> & { serving: Pick<Serving, 'labels'> };

/** Row `index` of a batch result in words. */
export function answerOf(result: Answered, index: number): TextAnswer {
  const { labels } = result.serving;
  const probabilities: Record<string, number> = {};
  let best = 0;
  let confidence = -1;
  for (const [i, label] of labels.entries()) {
    const probability = result.probabilities[index * labels.length + i] ?? 0;
    probabilities[label] = probability;
    if (probability > confidence) [best, confidence] = [i, probability];
  }
  return { label: labels[best] ?? '', confidence, probabilities, truncated: result.truncated[index] === 1 };
}
