import { integerBetween, type Random, seededRandom } from '../../apps/standalone/src/streams/random.ts';

export interface LabelledText {
  text: string;
  label: string;
}

const consonants = 'p t k ŋ q š ž m n l r ħ'.split(' ');
const vowels = 'a e i o u ö ü'.split(' ');

/**
 * A language that nobody tuned anything for: words are drawn from the seed, a class has words of its own among common
 * ones. Later half of every known class speaks in new words, and a class is new.
 */
export class MadeUpLanguage {
  readonly #random: Random;
  readonly #common: string[];
  readonly #own: Record<string, string[]>;
  readonly #later: Record<string, string[]>;
  readonly classes = ['harbour', 'market', 'weather'];
  readonly newClass = 'kitchen';

  constructor(seed: number) {
    this.#random = seededRandom(seed, 'made-up language');
    this.#common = this.#words(60);
    this.#own = Object.fromEntries(this.classes.map((label) => [label, this.#words(60)]));
    this.#later = Object.fromEntries([...this.classes, this.newClass].map((label) => [label, this.#words(60)]));
  }

  /** As the training texts. */
  before(count: number): LabelledText[] {
    return Array.from({ length: count }, (_, i) => this.#say(this.classes[i % 3] ?? '', this.#own));
  }

  /** Three in ten of the new class, half of the others in new words. */
  after(count: number): LabelledText[] {
    return Array.from({ length: count }, (_, i) => {
      if (this.#random() < 0.3) return this.#say(this.newClass, this.#later);
      return this.#say(this.classes[i % 3] ?? '', this.#random() < 0.5 ? this.#later : this.#own);
    });
  }

  #say(label: string, words: Record<string, string[]>): LabelledText {
    const own = words[label] ?? [];
    const word = () => this.#pick(this.#random() < 0.4 ? own : this.#common);
    return { label, text: Array.from({ length: integerBetween(this.#random, 8, 16) }, word).join(' ') };
  }

  #words(count: number): string[] {
    const syllable = () => this.#pick(consonants) + this.#pick(vowels) + this.#pick(['', '', 'n', 's']);
    return Array.from({ length: count }, () =>
      Array.from({ length: integerBetween(this.#random, 2, 3) }, syllable).join(''),
    );
  }

  #pick(of: readonly string[]): string {
    return of[integerBetween(this.#random, 0, of.length - 1)] ?? '';
  }
}
