import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from './cursor.ts';

describe('cursor', () => {
  it('comes back as it went', () => {
    const values = ['2026-01-01T00:00:00.000Z', 7, 'ünï'];
    expect(decodeCursor(encodeCursor(values), 3)).toEqual(values);
  });

  it.each(['', 'nonsense', encodeCursor(['one']), Buffer.from('{"a":1}').toString('base64url')])(
    'refuses %j',
    (cursor) => {
      expect(() => decodeCursor(cursor, 2)).toThrow('not a cursor');
    },
  );
});
