import { type Random, randomInteger, seededRandom } from '#libs/statistics';
import type { LabelledText } from './made-up-language.ts';

type Parts = readonly [subjects: readonly string[], verbs: readonly string[], ends: readonly string[]];

/** Plain English sentences about topics, of which an encoder that has read English knows something. */
const topics = new Map<string, Parts>([
  [
    'sport',
    [
      ['the striker', 'our goalkeeper', 'a young runner', 'the coach', 'the home team', 'the champion'],
      ['scored twice', 'lost the final', 'won the race', 'missed a penalty', 'broke the record', 'trained all night'],
      ['in the last minute', 'before a full stadium', 'at the games', 'in the second half', 'on wet grass'],
    ],
  ],
  [
    'finance',
    [
      ['the central bank', 'a large investor', 'the company', 'the stock market', 'the ministry', 'a shareholder'],
      ['raised interest rates', 'sold its bonds', 'reported a loss', 'cut the dividend', 'bought shares', 'lent money'],
      [
        'after weak earnings',
        'to fight inflation',
        'on Thursday morning',
        'despite high debt',
        'before the quarter ended',
      ],
    ],
  ],
  [
    'health',
    [
      ['the doctor', 'a young patient', 'the hospital', 'the nurse', 'a vaccine trial', 'the surgeon'],
      ['treated the infection', 'prescribed antibiotics', 'found a tumour', 'reported side effects', 'delayed surgery'],
      ['after a long illness', 'in the emergency ward', 'because of high blood pressure', 'during the flu season'],
    ],
  ],
]);
/** What comes up later: a topic of its own, in words that none of the others has. */
const cooking: Parts = [
  ['the baker', 'a famous chef', 'my grandmother', 'the recipe', 'this soup', 'the kitchen'],
  ['needs fresh garlic', 'kneads the dough', 'simmers the sauce', 'roasts the onions', 'adds a pinch of salt'],
  ['for two hours', 'with olive oil', 'until it is golden', 'in a hot oven', 'before serving with bread'],
];

/** Texts of made-up news; the same seed, the same texts. */
export class MadeUpNews {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  before(count: number): LabelledText[] {
    return Array.from({ length: count }, (_, i) => this.#text([...topics][i % topics.size] ?? ['', cooking]));
  }

  /** Two of five texts are about what nobody wrote about before. */
  after(count: number): LabelledText[] {
    return this.before(count).map((text, i) => (i % 5 < 2 ? this.#text(['cooking', cooking]) : text));
  }

  #text([label, parts]: readonly [string, Parts]): LabelledText {
    const words = parts.map((choices) => choices[randomInteger(this.#random, choices.length)] ?? '');
    return { text: `${words.join(' ')}, ${randomInteger(this.#random, 1000)}`, label };
  }
}
