import { type Random, seededRandom, type TextFeatures } from '../src/index.ts';

/** How texts come about. */
export interface Source {
  /** Weights of the three known languages, and of one nobody has seen. */
  shares: { a: number; b: number; c: number; unseen?: number };
  /** Texts that follow each other in a thread and share half of their words; 1: independent texts. */
  threadLength?: number;
}

const languages = ['a', 'b', 'c', 'unseen'] as const;
type Language = (typeof languages)[number];

/** Words of a language; most are its own. */
const words = 600;
const commonShare = 0.25;
const threadWords = 12;

const vocabularies = new Map<Language | 'common', string[]>(
  (['common', ...languages] as const).map((language, index) => [language, vocabulary(seededRandom(1000 + index))]),
);

/** Texts in three languages that a classifier tells apart well, in the order they were written. */
export function syntheticTexts({ shares, threadLength = 1 }: Source, count: number, random: Random): TextFeatures[] {
  const total = languages.reduce((sum, language) => sum + (shares[language] ?? 0), 0);
  const threads = new Map<Language, { left: number; words: string[] }>();
  return Array.from({ length: count }, (_, i) => {
    let at = random() * total;
    const language = languages.find((one) => (at -= shares[one] ?? 0) < 0) ?? 'a';
    let thread = threads.get(language);
    if (threadLength > 1 && (thread === undefined || thread.left <= 0)) {
      const own = Array.from({ length: threadWords }, () => wordOf(language, random));
      thread = { left: Math.ceil(random() * 2 * threadLength), words: own };
      threads.set(language, thread);
    }
    if (thread !== undefined) thread.left--;
    const spoken = Array.from({ length: 4 + Math.floor(random() * 11) }, () =>
      thread !== undefined && random() < 0.5
        ? (thread.words[Math.floor(random() * threadWords)] ?? '')
        : wordOf(language, random),
    );
    return { id: String(i), ...asText(spoken), ...answer(language, spoken.length, random) };
  });
}

function asText(spoken: string[]) {
  const text = spoken.join(' ');
  return { text, words: spoken, characters: text.length };
}

/** Short texts and unseen languages are answered with less confidence. */
function answer(language: Language, length: number, random: Random): { predicted: string; confidence: number } {
  const unsure = (language === 'unseen' ? 0.35 : 0.4 / length) * 2 * random();
  const wrong = language === 'unseen' || random() < unsure / 2;
  const predicted = wrong ? (['a', 'b', 'c'][Math.floor(3 * random())] ?? 'a') : language;
  return { predicted, confidence: Math.max(0.34, 1 - unsure) };
}

/** Few words are common and many are rare: the rank's probability falls like a power. */
function wordOf(language: Language, random: Random): string {
  const from = vocabularies.get(random() < commonShare ? 'common' : language) ?? [];
  return from[Math.floor(words * random() ** 3)] ?? '';
}

function vocabulary(random: Random): string[] {
  const letters = Array.from('abcdefghijklmnopqrstuvwxyz').toSorted(() => random() - 0.5);
  return Array.from({ length: words }, () =>
    Array.from({ length: 2 + Math.floor(8 * random()) }, () => letters[Math.floor(26 * random() ** 1.5)]).join(''),
  );
}
