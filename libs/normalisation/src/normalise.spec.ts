import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeNormalised, encodeUtf16 } from './encode.ts';
import { isBlank, isTruncated, lengthOf, normalise } from './normalise.ts';

/** Any sequence of UTF-16 code units, well-formed or not, with much white space, marks and digits among them. */
const unit = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.constantFrom(0, 9, 10, 32, 32, 32, 0x41, 0x130, 0x3a3, 0x301, 0x30c, 0x323, 0xd83d, 0xde00, 0xfdfa, 0x663, 0xfeff),
);
const anyText = fc
  .array(unit, { maxLength: 300 })
  .map((units) => units.map((code) => String.fromCharCode(code)).join(''));

describe('normalise', () => {
  it.each([
    ['Hello  World', ' hello world '],
    ['', '  '],
    [' \t\n ', '  '],
    ['a\0b\u0007c', ' a b c '],
    ['call 0612345678', ' call 0000000000 '],
    ['٣ ۴ ५', ' 0 0 0 '],
    ['ＦＵＬＬ１２', ' full00 '],
    ['ﬁn', ' fin '],
    ['İstanbul', ' i̇stanbul '],
    ['ΟΔΟΣ', ' οδος '],
    ['e\u0301', ' é '],
    ['😀', ' 😀 '],
    ['\ud83d', ' \ud83d '],
    ['سلام', ' سلام '],
    ['a\u00a0\u3000b', ' a b '],
  ])('%j becomes %j', (text, expected) => {
    expect(normalise(text)).toBe(expected);
  });

  it('treats canonically equal texts alike, even where only lower case has a composed form', () => {
    expect(normalise('J\u030c')).toBe(normalise('\u01f0'));
  });

  it('cuts at code units and ends in one space', () => {
    expect(normalise('abcdef', 3)).toBe(' abc ');
    expect(normalise('ab cdef', 3)).toBe(' ab ');
    expect(normalise('a😀', 2)).toBe(' a\ud83d ');
    expect(normalise('x'.repeat(5000))).toHaveLength(1002);
  });

  it('never throws, is idempotent, keeps within its length and leaves no pad value', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 120 }), (text, maximum) => {
        const once = normalise(text, maximum);
        expect(normalise(once, maximum)).toBe(once);
        expect(once.length).toBeLessThanOrEqual(maximum + 2);
        expect(once).not.toMatch(/\p{Cc}/u);
        expect(lengthOf(text, maximum)).toBe(once.length);
        expect(isBlank(text)).toBe(once === '  ');
      }),
      { numRuns: 500 },
    );
  });

  it('looks at a part of a long text only where that changes nothing', () => {
    const whole = 1_000_000;
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), (parts, maximum) => {
        const text = parts.join('    ');
        const content = normalise(text, whole).slice(1, -1);
        expect(normalise(text, maximum)).toBe(` ${content.slice(0, maximum).trimEnd()} `);
        expect(isTruncated(text, maximum)).toBe(content.length > maximum);
      }),
      { numRuns: 300 },
    );
  });

  it('does not part marks that belong together, however many', () => {
    const zalgo = `a${'\u0301'.repeat(200)}${'\u0323'.repeat(200)}`;
    expect(normalise(zalgo, 20)).toBe(` ${zalgo.normalize('NFKC').slice(0, 20)} `);
  });

  it('says what was cut', () => {
    expect(isTruncated('x'.repeat(1000))).toBe(false);
    expect(isTruncated('x'.repeat(1001))).toBe(true);
    expect(isTruncated(`x${' '.repeat(5000)}`)).toBe(false);
    expect(isTruncated('\ufdfa'.repeat(999))).toBe(true);
  });
});

describe('encodeUtf16', () => {
  it('pads with 0 to the longest text', () => {
    expect(encodeUtf16(['ab', ''])).toEqual({
      rows: 2,
      columns: 4,
      units: Int32Array.of(32, 97, 98, 32, 32, 32, 0, 0),
    });
  });

  it('refuses a batch that is too narrow', () => {
    expect(() => encodeNormalised([' ab '], 3)).toThrow('text 0 has 4 units, the batch 3');
  });
});
