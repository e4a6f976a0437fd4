import { describe, expect, it } from 'vitest';
import { comparePaired, evaluatePredictions } from '#libs/evaluation';
import { loadConfig } from '#libs/platform';
import { type Gate, hostGates, qualityGates } from './gates.ts';

const { gates: limits } = loadConfig({ env: {} }).config.retraining;
const options = { resamples: 50, seed: 1 };

/** Answers to texts of classes a and b, 50 each; the first `wrong` of a class are answered with the other. */
function answers(wrong: { a: number; b: number }) {
  return (['a', 'b'] as const).flatMap((actual) =>
    Array.from({ length: 50 }, (_, i) => ({
      actual,
      predicted: i < wrong[actual] ? (actual === 'a' ? 'b' : 'a') : actual,
    })),
  );
}

function gate(name: Gate['name'], challenger: { a: number; b: number }, champion?: { a: number; b: number }): Gate {
  const rows = answers(challenger);
  const before = champion === undefined ? undefined : answers(champion);
  const paired = rows.map(({ actual, predicted }, i) => ({
    actual,
    challenger: predicted,
    champion: before?.[i]?.predicted ?? '',
  }));
  const comparison = before === undefined ? undefined : comparePaired(paired, options);
  const found = qualityGates(evaluatePredictions(rows, options), comparison, limits).find(
    (other) => other.name === name,
  );
  if (found === undefined) throw new RangeError(`no gate ${name}`);
  return found;
}

describe('quality gates', () => {
  it('ask for a minimum accuracy', () => {
    expect(gate('minimum-accuracy', { a: 10, b: 10 })).toMatchObject({ passed: true, value: 0.8, limit: 0.8 });
    expect(gate('minimum-accuracy', { a: 10, b: 11 })).toMatchObject({
      passed: false,
      detail: 'accuracy 79.0 %, at least 80.0 % is asked for',
    });
  });

  it('ask a first version for a minimum macro-F1', () => {
    expect(gate('macro-f1', { a: 15, b: 15 })).toMatchObject({ passed: true, limit: 0.6 });
    expect(gate('macro-f1', { a: 25, b: 25 })).toMatchObject({ passed: false, value: 0.5 });
  });

  it('ask later versions for a macro-F1 above the champion on the same texts', () => {
    expect(gate('macro-f1', { a: 1, b: 1 }, { a: 2, b: 2 }).passed).toBe(true);
    expect(gate('macro-f1', { a: 2, b: 2 }, { a: 2, b: 2 }).passed).toBe(false);
  });

  it('refuse what answers significantly more texts wrong', () => {
    expect(gate('paired-test', { a: 6, b: 0 }, { a: 0, b: 4 }).passed).toBe(true);
    expect(gate('paired-test', { a: 15, b: 0 }, { a: 0, b: 4 })).toMatchObject({ passed: false, limit: 0.05 });
  });

  it('ask every class with enough texts for recall', () => {
    expect(gate('recall', { a: 25, b: 0 })).toMatchObject({ passed: true, value: 0.5 });
    expect(gate('recall', { a: 26, b: 0 })).toMatchObject({
      passed: false,
      detail: expect.stringContaining('a 48.0 % of 50'),
    });
    const rare = [...answers({ a: 0, b: 0 }), ...Array.from({ length: 19 }, () => ({ actual: 'c', predicted: 'a' }))];
    const recall = qualityGates(evaluatePredictions(rare, options), undefined, limits).find(
      ({ name }) => name === 'recall',
    );
    expect(recall).toMatchObject({ passed: true, detail: expect.stringContaining('1 with fewer than 20 texts') });
  });
});

describe('host gates', () => {
  it('ask for the recorded answers, and for each in less than the limit', () => {
    const passed = (tried: { reproduced: boolean; slowestMilliseconds: number }) =>
      hostGates(tried, limits).map((found) => [found.name, found.passed]);
    expect(passed({ reproduced: true, slowestMilliseconds: 499 })).toEqual([
      ['output-format', true],
      ['latency', true],
    ]);
    expect(passed({ reproduced: false, slowestMilliseconds: 500 })).toEqual([
      ['output-format', false],
      ['latency', false],
    ]);
  });
});
