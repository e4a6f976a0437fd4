import { describe, expect, it } from 'vitest';
import { derivedId, IdempotentAnswers } from './idempotency.ts';

describe('IdempotentAnswers', () => {
  it('gives the first answer again and does nothing twice', async () => {
    const answers = new IdempotentAnswers<number>(10);
    let made = 0;
    const ask = () => answers.answer('k', { a: 1 }, { weight: 1, make: () => Promise.resolve(++made) });
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
  });

  it('refuses the key with another body', () => {
    const answers = new IdempotentAnswers<number>(10);
    const make = () => Promise.resolve(1);
    void answers.answer('k', 'a', { weight: 1, make });
    expect(() => answers.answer('k', 'b', { weight: 1, make })).toThrow('another body');
  });

  it('does not remember a failure', async () => {
    const answers = new IdempotentAnswers<number>(10);
    await expect(answers.answer('k', 1, { weight: 1, make: () => Promise.reject(new Error('no')) })).rejects.toThrow(
      'no',
    );
    expect(await answers.answer('k', 1, { weight: 1, make: () => Promise.resolve(2) })).toBe(2);
  });

  it('forgets the least recently used above its capacity', async () => {
    const answers = new IdempotentAnswers<string>(2);
    const ask = (key: string, answer: string) =>
      answers.answer(key, 0, { weight: 1, make: () => Promise.resolve(answer) });
    await ask('a', 'first');
    await ask('b', 'first');
    await ask('a', 'again');
    await ask('c', 'first');
    expect(await ask('a', 'again')).toBe('first');
    expect(await ask('b', 'again')).toBe('again');
  });
});

describe('derivedId', () => {
  it('is a UUID that depends on topic, key and position only', () => {
    expect(derivedId('texts', 'k', 0)).toBe(derivedId('texts', 'k', 0));
    expect(derivedId('texts', 'k', 0)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    const ids = [derivedId('texts', 'k', 1), derivedId('labels', 'k', 0), derivedId('texts', 'l', 0)];
    expect(new Set([...ids, derivedId('texts', 'k', 0)]).size).toBe(4);
  });
});
