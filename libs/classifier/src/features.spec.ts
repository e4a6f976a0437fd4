import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketCount, extractFeatures, hashNgrams, hashing, ngramCount } from './features.ts';

function bucketOf(ngram: string): number {
  let hash: bigint = BigInt(hashing.start);
  for (let i = 0; i < ngram.length; i++) {
    hash = ((hash + BigInt(ngram.charCodeAt(i))) * BigInt(hashing.multiplier)) % BigInt(hashing.modulus);
  }
  return Number(hash) + 1;
}

function ngramsOf(text: string): string[] {
  const ngrams: string[] = [];
  for (let n = 1; n <= 4; n++) for (let i = 0; i + n <= text.length; i++) ngrams.push(text.slice(i, i + n));
  return ngrams;
}

const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
  .map((units) => units.map((unit) => String.fromCharCode(unit)).join(''));

describe('hashed n-grams', () => {
  it('are the buckets of all substrings of 1 to 4 units', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const out = new Uint16Array(ngramCount(text.length));
        expect(hashNgrams(text, out)).toBe(out.length);
        expect(out.toSorted()).toEqual(Uint16Array.from(ngramsOf(text), bucketOf).toSorted());
      }),
    );
  });

  it('stay within int32 and within the table', () => {
    expect((hashing.modulus - 1 + 0xffff) * hashing.multiplier).toBeLessThan(2 ** 31);
    expect((hashing.start + 0xffff) * hashing.multiplier).toBeLessThan(2 ** 31);
    expect(bucketCount).toBeLessThanOrEqual(2 ** 16);
  });

  it('keep the bigrams of an alphabet apart', () => {
    const letters = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i));
    const bigrams = letters.flatMap((a) => letters.map((b) => a + b));
    expect(new Set(bigrams.map(bucketOf)).size).toBe(bigrams.length);
    const trigrams = bigrams.flatMap((ab) => letters.map((c) => ab + c));
    expect(new Set(trigrams.map(bucketOf)).size).toBe(trigrams.length);
  });

  it('are counted once a row', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 5 }), (texts) => {
        const { rows, offsets, buckets, counts, totals } = extractFeatures(texts);
        expect(rows).toBe(texts.length);
        for (const [row, text] of texts.entries()) {
          const expected = new Map<number, number>();
          for (const ngram of ngramsOf(text)) expected.set(bucketOf(ngram), (expected.get(bucketOf(ngram)) ?? 0) + 1);
          const [start, end] = [offsets[row], offsets[row + 1]];
          const own = buckets.slice(start, end);
          expect(new Map([...own].map((bucket, k) => [bucket, counts.slice(start, end)[k]]))).toEqual(expected);
          expect(own).toHaveLength(expected.size);
          expect(totals[row]).toBe(ngramCount(text.length));
        }
      }),
    );
  });
});
