import { describe, expect, test } from 'vitest';
import { checkedIdentifier, parameterText, stringLiteral } from './literals.ts';

describe('literals', () => {
  test('a trailing backslash does not end the string', () => {
    expect(stringLiteral("a'b\\")).toBe("'a\\'b\\\\'");
  });

  test.each([
    [null, '\\N'],
    ["o'clock\n", "o\\'clock\\n"],
    [[1, "a'b", null], "[1,'a\\'b',NULL]"],
    [{ a: true }, "{'a':TRUE}"],
    [new Map([['k', 1n]]), "{'k':1}"],
    [new Date(1_032_998_400_123), '2002-09-26 00:00:00.123'],
    [Number.NaN, 'nan'],
    [-Infinity, '-inf'],
    [false, '0'],
  ])('%j becomes %j', (value, text) => {
    expect(parameterText(value)).toBe(text);
  });

  test.each(['', '1a', 'a-b', "a'", 'a b', 'ä', 'a;b'])('%j is not an identifier', (name) => {
    expect(() => checkedIdentifier(name)).toThrow('is not an identifier');
  });
});
