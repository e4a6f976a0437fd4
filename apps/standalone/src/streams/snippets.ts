import { type Article, readDeclaration } from './declaration.ts';
import { integerBetween, type Random } from './random.ts';

export interface Snippet {
  text: string;
  /** Article number. */
  article: number;
}

const shortest = 4;
const longest = 14;

/** Draws runs of 4 to 14 words from some articles of the declaration in several languages. */
export class SnippetSource {
  readonly #articles: ReadonlyMap<string, Article[]>;

  constructor(codes: readonly string[], ofSplit: (article: number) => boolean) {
    this.#articles = new Map(
      codes.map((code) => [
        code,
        readDeclaration(code).filter(({ number, words }) => ofSplit(number) && words.length >= shortest),
      ]),
    );
  }

  /** Every word of the split is as likely to be drawn as any other. */
  draw(random: Random, code: string): Snippet {
    const articles = this.#articles.get(code) ?? [];
    let position = Math.floor(random() * articles.reduce((sum, { words }) => sum + words.length, 0));
    const article = articles.find(({ words }) => (position -= words.length) < 0);
    if (article === undefined) throw new RangeError(`no articles in ${code}`);
    const { number, words } = article;
    const length = Math.min(words.length, integerBetween(random, shortest, longest));
    const start = integerBetween(random, 0, words.length - length);
    return { text: words.slice(start, start + length).join(' '), article: number };
  }
}
