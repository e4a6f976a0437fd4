import { describe, expect, it } from 'vitest';
import { runBatch, type RunGraph } from './run-batch.ts';

/** Answers with the length of the text as the share of the first class. */
const byLength: RunGraph = async (units, rows, columns) => {
  const answer = new Float32Array(rows * 2);
  for (let row = 0; row < rows; row++) {
    const length = units.subarray(row * columns, (row + 1) * columns).filter((unit) => unit !== 0).length;
    answer.set([length / 1000, 1 - length / 1000], row * 2);
  }
  return answer;
};
const shape = { labels: 2, maximumCharacters: 100 };

describe('runBatch', () => {
  it('restores the order of the request, whatever order rows were run in', async () => {
    const texts = Array.from({ length: 500 }, (_, i) => 'x'.repeat((i * 37) % 90));
    const runs: number[] = [];
    const { probabilities } = await runBatch(texts, shape, (units, rows, columns) => {
      runs.push(rows * columns);
      return byLength(units, rows, columns);
    });
    // A start and an end mark are added to every text.
    const first = Array.from(texts, (_, i) => Math.round((probabilities[i * 2] ?? 0) * 1000));
    const marks = (first[0] ?? 0) - (texts[0]?.length ?? 0);
    expect(first.map((length) => length - marks)).toStrictEqual(texts.map(({ length }) => length));
    expect(runs.length).toBeGreaterThan(1);
    expect(Math.max(...runs)).toBeLessThanOrEqual(16_384);
  });

  it('says which texts were cut', async () => {
    const { truncated } = await runBatch(['short', 'x'.repeat(101), 'x'.repeat(100)], shape, byLength);
    expect([...truncated]).toStrictEqual([0, 1, 0]);
  });

  it.each([
    ['NaN', [Number.NaN, 1]],
    ['infinity', [Number.POSITIVE_INFINITY, 0]],
    ['a sum that is not 1', [0.4, 0.4]],
    ['a negative share', [1.5, -0.5]],
    ['too few values', [1]],
    ['too many values', [0.5, 0.5, 0]],
  ])('refuses %s', async (_name, values) => {
    const wrong: RunGraph = () => Promise.resolve(Float32Array.from(values));
    await expect(runBatch(['text'], shape, wrong)).rejects.toMatchObject({ code: 'MODEL_OUTPUT_INVALID' });
  });
});
