import type { AddedToken } from './tokenizer-file.ts';

/** Tokens that are found in the text as they are, before (or, normalised, after) normalisation, longest first. */
export class AddedTokens {
  readonly #tokens = new Map<string, AddedToken>();
  readonly #raw: RegExp | undefined;
  readonly #normalised: RegExp | undefined;

  constructor(tokens: readonly AddedToken[], normalise: ((text: string) => string) | undefined) {
    const raw: string[] = [];
    const normalised: string[] = [];
    for (const token of tokens) {
      this.#tokens.set(token.content, token);
      if (normalise !== undefined && (token.normalized ?? !token.special)) {
        const content = normalise(token.content);
        normalised.push(content);
        this.#tokens.set(content, token);
      } else raw.push(token.content);
    }
    this.#raw = anyOf(raw);
    this.#normalised = anyOf(normalised);
  }

  /** The id of an added token that is the whole of a section. */
  idOf(section: string): number | undefined {
    return this.#tokens.get(section)?.id;
  }

  /** Cuts a text at the tokens found in it as it was sent. */
  cut(text: string): string[] {
    return this.#cutAt(this.#raw, text);
  }

  /** Cuts a normalised section at the tokens found after normalisation. */
  cutNormalised(section: string): string[] {
    return this.#cutAt(this.#normalised, section);
  }

  #cutAt(pattern: RegExp | undefined, text: string): string[] {
    if (pattern === undefined || !pattern.test(text)) return [text];
    const sections = text.split(pattern).filter((section) => section !== '');
    for (const [i, section] of sections.entries()) {
      const token = this.#tokens.get(section);
      if (token?.lstrip === true && i > 0) sections[i - 1] = (sections[i - 1] ?? '').trimEnd();
      if (token?.rstrip === true && i < sections.length - 1) sections[i + 1] = (sections[i + 1] ?? '').trimStart();
    }
    return sections;
  }
}

function anyOf(contents: readonly string[]): RegExp | undefined {
  const longestFirst = contents.filter((content) => content !== '').toSorted((a, b) => b.length - a.length);
  if (longestFirst.length === 0) return undefined;
  // Without the flag u: code units are compared, and no token is missed beside a lone surrogate.
  return new RegExp(
    `(${longestFirst.map((content) => content.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|')})`,
  );
}
