import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answeredByCanary } from './canary-share.ts';

const ids = Array.from({ length: 20_000 }, (_, i) => `text-${i}`);
const answered = (model: string, share: number) => ids.filter((id) => answeredByCanary(model, id, share));

describe('the share of a canary', () => {
  it.each([0.01, 0.1, 0.5])('is about %d of the texts', (share) => {
    const sigma = Math.sqrt(ids.length * share * (1 - share));
    expect(Math.abs(answered('news', share).length - ids.length * share)).toBeLessThan(4 * sigma);
  });

  it('is the same texts each time, and more of them when it rises', () => {
    const share = fc.double({ min: 0, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(fc.string(), fc.string(), share, share, (model, id, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        expect(answeredByCanary(model, id, less)).toBe(answeredByCanary(model, id, less));
        if (answeredByCanary(model, id, less)) expect(answeredByCanary(model, id, more)).toBe(true);
      }),
    );
  });

  it('is not the same texts of every model', () => {
    const mail = new Set(answered('mail', 0.1));
    const both = answered('news', 0.1).filter((id) => mail.has(id)).length;
    expect(both / mail.size).toBeLessThan(0.13);
  });
});
