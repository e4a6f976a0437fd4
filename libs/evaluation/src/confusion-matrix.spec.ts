import { describe, expect, it } from 'vitest';
import { confusionMatrix } from './confusion-matrix.ts';
import goldens from './testing/goldens.json' with { type: 'json' };

describe('the confusion matrix', () => {
  it('is that of scikit-learn', () => {
    expect(confusionMatrix(goldens.rows)).toEqual({ labels: goldens.labels, counts: goldens.confusionMatrix });
  });

  it('has the labels it is asked for, in their order', () => {
    const rows = [{ actual: 'b', predicted: 'a' }];
    expect(confusionMatrix(rows, ['b', 'a', 'c']).counts).toEqual([
      [0, 1, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it('refuses a label that has no place in it', () => {
    expect(() => confusionMatrix([{ actual: 'a', predicted: 'z' }], ['a'])).toThrow('"z" is not a label');
    expect(() => confusionMatrix([{ actual: 'z', predicted: 'a' }], ['a'])).toThrow('"z" is not a label');
  });
});
