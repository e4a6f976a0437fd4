import { Problem } from '#libs/http';
import type { BatchResult } from '#libs/model';
import { answerOf } from './text-answer.ts';

type Answered = Pick<BatchResult, 'probabilities' | 'truncated' | 'failures'> & {
  /** The epoch is null for a version that does not serve. */
  serving: { version: number; epoch: number | null; labels: string[] };
};

/**
 * What a synchronous request is answered with: as a whole, or not at all.
 * @throws Problem 422 that names the texts the model has no answer for
 */
export function requestAnswer(model: string, result: Answered) {
  const errors = [...result.failures].map(([row, { message }]) => ({ pointer: `/texts/${row}`, message }));
  if (errors.length > 0) throw new Problem(422, 'the model has no answer for some of the texts', { errors });
  const { version, epoch } = result.serving;
  return { model, version, epoch, predictions: Array.from(result.truncated, (_, row) => answerOf(result, row)) };
}
