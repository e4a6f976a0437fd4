import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Problem } from '#libs/http';
import { duration, instant, parseInput } from './input.ts';

describe('parseInput', () => {
  it('points at every field that is wrong', () => {
    const schema = z.strictObject({ 'a/b': z.array(z.object({ '~': z.number() })) });
    const pointers = ['/0/a~1b/0/~0', '/0/extra'].map((pointer) => expect.objectContaining({ pointer }));
    expect(() => parseInput(schema, { 'a/b': [{ '~': 'x' }], extra: 1 }, '/0')).toThrow(
      expect.objectContaining({ document: expect.objectContaining({ status: 422, errors: pointers }) }),
    );
  });

  it.each([
    ['5s', 5000],
    ['500ms', 500],
    ['1m', 60_000],
    ['2', 2000],
    ['0.5s', 500],
  ])('reads %s as %i ms', (value, expected) => {
    expect(parseInput(duration, value)).toBe(expected);
  });

  it.each(['', 'soon', '-1s', '5h'])('refuses the duration %j', (value) => {
    expect(() => parseInput(duration, value)).toThrow('duration');
  });

  it.each(['2026-01-31', '2026-13-01T00:00:00Z', '2026-01-01T00:00:00', '0001-01-01T00:00:00Z', 'x'])(
    'refuses the time %j',
    (value) => {
      expect(() => parseInput(instant, value)).toThrow(Problem);
    },
  );
});
