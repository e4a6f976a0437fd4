import { describe, expect, it } from 'vitest';
import { DeadLetterLimits } from './dead-letter-limits.ts';

const rejected = (count: number) => Array.from({ length: count }, () => true);
const accepted = (count: number) => Array.from({ length: count }, () => false);

describe('DeadLetterLimits', () => {
  it('counts in a row, per partition', () => {
    const limits = new DeadLetterLimits({ consecutive: 10, share: 1 });
    limits.record('texts-0', rejected(10));
    expect(limits.refuse('texts-0', rejected(1))).toMatch(/more than 10 records in a row/);
    expect(limits.refuse('texts-1', rejected(10))).toBeUndefined();
    expect(limits.refuse('texts-0', [false, ...rejected(10)])).toBeUndefined();
    limits.record('texts-0', accepted(1));
    expect(limits.refuse('texts-0', rejected(10))).toBeUndefined();
  });

  it('looks at the share once 1,000 records have been seen', () => {
    const limits = new DeadLetterLimits({ consecutive: 10_000, share: 0.5 });
    limits.record('a', [...accepted(450), ...rejected(500)]);
    expect(limits.refuse('a', rejected(49))).toBeUndefined();
    expect(limits.refuse('a', rejected(60))).toMatch(/55 % of the last 1010 records/);
    limits.record('a', accepted(1000));
    expect(limits.refuse('a', rejected(400))).toBeUndefined();
  });

  it('has nothing against records that are accepted', () => {
    const limits = new DeadLetterLimits({ consecutive: 1, share: 0.1 });
    limits.record('a', rejected(1000));
    expect(limits.refuse('a', accepted(5))).toBeUndefined();
  });
});
