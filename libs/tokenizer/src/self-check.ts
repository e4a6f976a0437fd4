import type { EncodeContent } from './library.ts';

/** Short texts in which tokenizers differ when they differ: scripts, marks, joiners, blanks, control and broken characters. */
const oddTexts = [
  '',
  ' ',
  '\t\r\n\u000B\u000C\u0085\u00A0\u2028\u3000',
  'Hello, World! It’s 12:30 – "quoted" (50 %).',
  'naïve café ÀÉÎÕÜ ß ẞ İstanbul ıi ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ',
  'e\u0301 a\u0308\u0323 \u0301alone o\u0302\u031B\u0323 \u0344 \u1E9B\u0323',
  'ﬁ ﬂ ½ ² ① Ⅳ ㎏ ｶﾞ ＡＢＣ１２３ ～ ﷺ ﹏ ︙',
  '漢字かな交じり文。カタカナ、ガ゙ 한국어 문장\u1112\u1161\u11AB 𠀀𪜶 豈',
  'हिन्दी में वाक्य। বাংলা বাক্য தமிழ் ไทยไม่มีช่องว่าง မြန်မာ ខ្មែរ',
  'العربية نصّ ‏מִילִים בעברית‎ ܣܘܪܝܝܐ ދިވެހި',
  'Русский текст, ёлка Ђорђе Ὀδυσσεύς Հայերեն ქართული አማርኛ ᏣᎳᎩ',
  '🙂👍🏽👩‍👩‍👧‍👦🇸🇴❤️☎\uFE0E 1️⃣',
  '\uD800 \uDC00 a\uDFFFb \uD83D\uD83D\uDE42',
  '\0nul\u0001\u0007\u001F\u007F\u0080\u009F\uFEFF\uFFFD\u00AD\u200B\u200D\u2060\uE000',
  'a_b-c/d\\e@f.g#h$i^j&k*l+m=n|o~p`q[r]s{t}u<v>w;x:y?z',
  '▁▁lower one eighth ▁block▁ _ ▂',
  '<s> </s> <pad> <unk> <mask> [CLS] [SEP] [MASK] [UNK] [PAD]',
  ' <s>glued</s><mask> ＜mask＞ <MASK> [cls][Sep]',
  'https://example.org/a?b=c&d=%20#e  two  blanks   three\u2003em\u2009thin',
  `${'x'.repeat(99)} ${'x'.repeat(101)} ${'ab'.repeat(200)}`,
  '1234567890 3.14 1,000,000 ١٢٣ १२३ 𝟙𝟚𝟛 𝒜𝓑 ⁽₄₎',
  'ᵃᵇᶜ ʰʷ ˈaɪ.pʰiː.eɪ ŋ ʔ ƛ ɬ ǃ',
  '…‥·•※†‡§¶©®™€£¥₿¿¡«»„“”‚‘’',
  '\u{1F1E6}\u{E0067}\u{E007F} \u{10FFFF} \u{1D15E} \u{1E94B}\u{2F800} ꙮ ﷽ ੴ',
];

/**
 * Compares an encoder with the reference on the odd texts, each whole and cut.
 * @returns the first text on which they differ, if there is one.
 */
export function firstDifference(encode: EncodeContent, reference: EncodeContent): string | undefined {
  return oddTexts.find((text) =>
    [Number.MAX_SAFE_INTEGER, 5].some((limit) => {
      // The first answer is a view that the next call may overwrite.
      const ids = encode(text, limit).slice();
      const expected = reference(text, limit);
      return ids.length !== expected.length || ids.some((id, i) => id !== expected[i]);
    }),
  );
}
