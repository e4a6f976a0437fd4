import { describe, expect, it } from 'vitest';
import { type GraphShape, runBatch, type RunGraph } from './run-batch.ts';
import { utf16Input } from './text-input.ts';

/** Answers with the length of the text as the share of the first class. */
const byLength: RunGraph = async ({ '': units }, rows, columns) => {
  const answer = new Float32Array(rows * 2);
  for (let row = 0; row < rows; row++) {
    const length = nonZero(units?.slice(row * columns, (row + 1) * columns));
    answer.set([length / 1000, 1 - length / 1000], row * 2);
  }
  return answer;
};
const nonZero = (units: Int32Array | BigInt64Array | undefined) =>
  units instanceof Int32Array ? units.filter((unit) => unit !== 0).length : 0;
const shape: GraphShape = { input: utf16Input(100), output: 'probabilities', width: 2, temperature: 1 };

describe('runBatch', () => {
  it('restores the order of the request, whatever order rows were run in', async () => {
    const texts = Array.from({ length: 500 }, (_, i) => 'x'.repeat((i * 37) % 90));
    const runs: number[] = [];
    const { values, columns } = await runBatch(texts, shape, (feeds, rows, columns) => {
      runs.push(rows * columns);
      return byLength(feeds, rows, columns);
    });
    // A start and an end mark are added to every text.
    const first = Array.from(texts, (_, i) => Math.round((values[i * 2] ?? 0) * 1000));
    const marks = (first[0] ?? 0) - (texts[0]?.length ?? 0);
    expect(first.map((length) => length - marks)).toStrictEqual(texts.map(({ length }) => length));
    expect(runs.length).toBeGreaterThan(1);
    expect(Math.max(...runs)).toBeLessThanOrEqual(16_384);
    const needed = first.reduce((sum, length) => sum + length, 0);
    expect(columns).toStrictEqual({ needed, run: runs.reduce((sum, run) => sum + run, 0) });
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
  ])('refuses a row with %s, and that row alone', async (_name, values) => {
    const wrong: RunGraph = () => Promise.resolve(Float32Array.of(0.25, 0.75, ...values, 1, 0));
    const answer = await runBatch(['a', 'b', 'c'], shape, wrong);
    expect(answer.refused).toMatchObject([{ row: 1 }]);
    expect([...answer.values]).toStrictEqual([0.25, 0.75, 0, 0, 1, 0]);
  });

  it.each([
    ['too few values', [1]],
    ['too many values', [0.5, 0.5, 0]],
  ])('refuses %s', async (_name, values) => {
    const wrong: RunGraph = () => Promise.resolve(Float32Array.from(values));
    await expect(runBatch(['text'], shape, wrong)).rejects.toThrow(/^the graph gave \d values, not 1 × 2$/);
  });

  it('turns logits into probabilities, in float64 and at the temperature of the model', async () => {
    const logits: RunGraph = () => Promise.resolve(Float32Array.of(2, 0, 1000, -1000));
    const { values } = await runBatch(['a', 'b'], { ...shape, output: 'logits', temperature: 2 }, logits);
    expect(values[0]).toBeCloseTo(Math.E / (Math.E + 1), 6);
    expect([...values.subarray(2)]).toStrictEqual([1, 0]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses a logit of %s', async (value) => {
    const wrong: RunGraph = () => Promise.resolve(Float32Array.of(value, 0));
    const { refused } = await runBatch(['a'], { ...shape, output: 'logits' }, wrong);
    expect(refused).toStrictEqual([{ row: 0, reason: `a value is ${value}` }]);
  });

  it('takes embeddings as they are, of the dimension the graph gives, unless a value is not finite', async () => {
    const vectors: RunGraph = () => Promise.resolve(Float32Array.of(-3, 4, 5, 6, 7, 8));
    const embeddings: GraphShape = { ...shape, output: 'embeddings', width: 0 };
    const { values } = await runBatch(['b', 'a'], embeddings, vectors);
    expect([...values]).toStrictEqual([-3, 4, 5, 6, 7, 8]);
    const wrong: RunGraph = () => Promise.resolve(Float32Array.of(1, Number.NaN));
    expect((await runBatch(['a'], embeddings, wrong)).refused).toHaveLength(1);
  });
});
