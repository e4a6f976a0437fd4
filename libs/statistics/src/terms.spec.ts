import { describe, expect, it } from 'vitest';
import { characterCounts, distinctNgrams } from './terms.ts';

describe('the terms of a text', () => {
  it('are n-grams over lower-case code points with one space at either end', () => {
    expect([...distinctNgrams('Ab  c')]).toEqual([' ab ', 'ab c', 'b c ']);
    expect([...distinctNgrams('ab\u{1f600}')]).toEqual([' ab\u{1f600}', 'ab\u{1f600} ']);
    expect([...distinctNgrams('')]).toEqual([]);
  });

  it('are counted characters without white space', () => {
    expect([...characterCounts('Aa \t\u{1f600}b')]).toEqual([
      ['a', 2],
      ['\u{1f600}', 1],
      ['b', 1],
    ]);
  });

  it('come from the beginning of very long texts', () => {
    expect(distinctNgrams('x'.repeat(1_000_000) + 'yyyy').size).toBeLessThan(5);
  });
});
