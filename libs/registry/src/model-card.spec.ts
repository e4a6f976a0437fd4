import { describe, expect, it } from 'vitest';
import { modelCard, type ModelCardFacts } from './model-card.ts';

const around = (value: number) => ({ value, lower: value - 0.02, upper: value + 0.01 });
const facts: ModelCardFacts = {
  model: 'news',
  labels: ['politics', 'sport', 'weather'],
  trainer: 'hashed-ngrams',
  input: { kind: 'utf16', maximumCharacters: 1000 },
  data: { digest: 'abc', texts: 12_345, training: 9000, holdout: 3345, classes: { sport: 5000, politics: 4000 } },
  evaluation: {
    accuracy: around(0.9),
    macroF1: around(0.88),
    classes: [
      { label: 'politics', support: 12, precision: around(0.7), recall: around(0.6), f1: 0.65 },
      { label: 'sport', support: 3333, precision: around(0.95), recall: around(0.94), f1: 0.945 },
    ],
  },
  champion: { name: 'news@1', accuracy: around(0.6), macroF1: around(0.55) },
  confusionMatrix: {
    labels: ['politics', 'sport'],
    counts: [
      [7, 5],
      [1, 3332],
    ],
  },
  gates: [{ name: 'minimum-accuracy', passed: true, detail: 'accuracy is 0.9, at least 0.8 is needed' }],
  lineage: { seed: 42 },
};

describe('modelCard', () => {
  it('says what it is, on what data, how good, compared with what, and where not to use it', () => {
    const card = modelCard(facts);
    expect(card).toContain('12,345 labelled texts without duplicates: 9,000 for training, 3,345 held out');
    expect(card).toContain('|  | this version | news@1, on the same texts |');
    expect(card).toContain('| accuracy | 0.900 (0.880–0.910) | 0.600 (0.580–0.610) |');
    expect(card).toContain('| politics | 12 | 0.700 (0.680–0.710) | 0.600 (0.580–0.610) | 0.650 |');
    expect(card).toContain('![Confusion matrix](confusion-matrix.svg)');
    expect(card).toContain('| politics | 7 | 5 |');
    expect(card).toContain('| minimum-accuracy | passed | accuracy is 0.9, at least 0.8 is needed |');
    expect(card).toContain('"seed": 42');
    expect(card).toContain('- Weakest class: politics (F1 0.650).');
    expect(card).toContain('- Fewer than 30 held-out texts, so little is known: politics.');
    expect(card).toContain('- No held-out text at all: weather.');
  });

  it('gives the same bytes for the same facts', () => {
    expect(modelCard(structuredClone(facts))).toBe(modelCard(facts));
  });

  it('leaves out what there is not', () => {
    const card = modelCard({ ...facts, champion: null, gates: [], lineage: null });
    expect(card).toContain('|  | this version |\n');
    expect(card).not.toMatch(/## (Gates|Lineage)/);
  });

  it('keeps names from outside on their line and as text', () => {
    const label = 'a|b\n# [x](http://evil) <img src=x> `c`\u0000';
    const card = modelCard({ ...facts, labels: [label], confusionMatrix: { labels: [label], counts: [[1]] } });
    expect(card).toContain('a\\|b \\# \\[x\\](http://evil) \\<img src=x\\> \\`c\\`');
    expect(card).not.toMatch(/[^\\]<img|^# \[x/m);
    expect(modelCard({ ...facts, lineage: { name: '```\n# out' } }).match(/```/g)).toHaveLength(2);
  });

  it('shows wide matrices as a picture only', () => {
    const labels = Array.from({ length: 13 }, (_, i) => `class ${i}`);
    const card = modelCard({ ...facts, confusionMatrix: { labels, counts: labels.map(() => labels.map(() => 0)) } });
    expect(card).not.toContain('right \\ answered');
  });
});
