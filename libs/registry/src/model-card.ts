import type { ClassPerformance, Interval } from '#libs/events';

export interface CardFigures {
  accuracy: Interval;
  macroF1: Interval;
}

export interface CardGate {
  name: string;
  passed: boolean;
  /** What was measured against what, in a sentence. */
  detail: string;
}

/**
 * What a model card tells. All of it must follow from data, seed and configuration: a clock time or a measured latency
 * would give the same version another digest on each machine.
 */
export interface ModelCardFacts {
  model: string;
  labels: readonly string[];
  trainer: string;
  /** Longer texts are cut. */
  input: { kind: 'utf16'; maximumCharacters: number } | { kind: 'tokens'; maximumTokens: number };
  /** What a head was trained on. */
  encoder?: { description: string; licence: string; digest: string } | undefined;
  data: {
    /** Digest of the snapshot. */
    digest: string;
    /** Labelled texts after duplicates were removed. */
    texts: number;
    training: number;
    holdout: number;
    /** Training texts by class. */
    classes?: Readonly<Record<string, number>>;
  };
  /** On the holdout texts. */
  evaluation: CardFigures & { classes: readonly ClassPerformance[] };
  /** Further figures by name. */
  metrics?: Readonly<Record<string, number>>;
  /** The serving version on the same texts. */
  champion?: (CardFigures & { name: string }) | null;
  /** counts[actual][predicted], by position in `labels`. */
  confusionMatrix: { labels: readonly string[]; counts: readonly (readonly number[])[] };
  gates: readonly CardGate[];
  lineage: unknown;
  intendedUse?: string;
  /** Limits beyond those that the figures show. */
  limits?: readonly string[];
}

/** Fewer holdout texts than this say little about a class. */
const fewTexts = 30;
/** Wider matrices are shown as a picture only. */
const widestTable = 12;

/** The model card (Mitchell et al., 2019) in Markdown; the same facts give the same bytes. */
export function modelCard(facts: ModelCardFacts): string {
  const sections = [
    `# Model card: ${inline(facts.model)}`,
    about(facts),
    data(facts),
    figures(facts),
    classes(facts),
    matrix(facts),
    gates(facts),
    limits(facts),
    lineage(facts),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function longestOf(input: ModelCardFacts['input']): string {
  if (input.kind === 'tokens') return `${number(input.maximumTokens)} tokens`;
  return `${number(input.maximumCharacters)} characters`;
}

function about({ labels, trainer, input, encoder, intendedUse, model }: ModelCardFacts): string {
  return [
    `A text classifier: it answers one of ${labels.length} classes with a calibrated probability for each.`,
    '',
    table(
      ['', ''],
      [
        ['classes', labels.map((label) => inline(label)).join(', ')],
        ['input', `one text; after ${longestOf(input)} it is cut`],
        ['trainer', inline(trainer)],
        ...(encoder === undefined
          ? []
          : [['encoder', inline(`${encoder.description}; ${encoder.licence}; sha256 ${encoder.digest}`)]]),
        [
          'intended use',
          inline(
            intendedUse ??
              `sorting texts like those it was trained on into the classes of ${model}, watched for drift and accuracy while it serves`,
          ),
        ],
      ],
    ),
  ].join('\n');
}

function data({ data: { digest, texts, training, holdout, classes: counts } }: ModelCardFacts): string {
  const lines = [
    '## Data',
    '',
    `${number(texts)} labelled texts without duplicates: ${number(training)} for training, ${number(holdout)} held out. ` +
      'Texts of one group are all on one side, and no version of this model trains on held-out groups.',
    '',
    `Snapshot \`${digest}\`.`,
  ];
  if (counts === undefined) return lines.join('\n');
  const rows = Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...lines,
    '',
    table(
      ['class', 'training texts'],
      rows.map(([label, count]) => [inline(label), number(count)]),
    ),
  ].join('\n');
}

function figures({ data: { holdout }, evaluation, champion, metrics = {} }: ModelCardFacts): string {
  const measured = [
    { name: 'accuracy', own: evaluation.accuracy, other: champion?.accuracy },
    { name: 'macro-F1', own: evaluation.macroF1, other: champion?.macroF1 },
  ].map(({ name, own, other }) => [name, withInterval(own), other === undefined ? '' : withInterval(other)]);
  const shown = new Set(['accuracy', 'macroF1']);
  const further = Object.entries(metrics)
    .filter(([name]) => !shown.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [inline(name), figure(value), '']);
  const compared = champion !== undefined && champion !== null;
  const head = ['', 'this version', ...(compared ? [`${inline(champion.name)}, on the same texts`] : [])];
  const rows = [...measured, ...further].map((row) => row.slice(0, head.length));
  return `## Figures\n\nOn the ${number(holdout)} texts held out; 95 % intervals.\n\n${table(head, rows)}`;
}

function classes({ evaluation }: ModelCardFacts): string {
  if (evaluation.classes.length === 0) return '';
  const rows = evaluation.classes.map(({ label, support, precision, recall, f1 }) => [
    inline(label),
    number(support),
    withInterval(precision),
    withInterval(recall),
    figure(f1),
  ]);
  return `## Classes\n\n${table(['class', 'texts', 'precision', 'recall', 'F1'], rows)}`;
}

function matrix({ confusionMatrix: { labels, counts } }: ModelCardFacts): string {
  const head = '## Confusion matrix\n\n![Confusion matrix](confusion-matrix.svg)';
  if (labels.length > widestTable) return head;
  const names = labels.map((label) => inline(label));
  const rows = names.map((name, row) => [name, ...labels.map((_, column) => number(counts[row]?.[column] ?? 0))]);
  return `${head}\n\n${table(['right \\ answered', ...names], rows)}`;
}

function gates({ gates: passed }: ModelCardFacts): string {
  if (passed.length === 0) return '';
  const rows = passed.map((gate) => [inline(gate.name), gate.passed ? 'passed' : 'failed', inline(gate.detail)]);
  return `## Gates\n\n${table(['gate', '', 'measured'], rows)}`;
}

function limits({ evaluation, labels, limits: further = [] }: ModelCardFacts): string {
  const rare = evaluation.classes.filter(({ support }) => support < fewTexts).map(({ label }) => inline(label));
  const seen = new Set(evaluation.classes.map(({ label }) => label));
  const unseen = labels.filter((label) => !seen.has(label)).map((label) => inline(label));
  const weakest = evaluation.classes.toSorted((a, b) => a.f1 - b.f1 || (a.label < b.label ? -1 : 1))[0];
  const lines = [
    'It answers one of its classes to every text, also to one in a language or about a matter it has never seen.',
    ...(weakest === undefined ? [] : [`Weakest class: ${inline(weakest.label)} (F1 ${figure(weakest.f1)}).`]),
    ...(rare.length === 0 ? [] : [`Fewer than ${fewTexts} held-out texts, so little is known: ${rare.join(', ')}.`]),
    ...(unseen.length === 0 ? [] : [`No held-out text at all: ${unseen.join(', ')}.`]),
    'Probabilities are calibrated on data like the training data; on other data they are too sure.',
    'Not for decisions about people without a person looking at them.',
    ...further.map((limit) => inline(limit)),
  ];
  return `## Limits\n\n${lines.map((line) => `- ${line}`).join('\n')}`;
}

function lineage({ lineage: known }: ModelCardFacts): string {
  if (known === null || known === undefined) return '';
  return `## Lineage\n\n\`\`\`json\n${JSON.stringify(known, undefined, 2).replaceAll('```', '` ` `')}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Text from elsewhere as one line of Markdown that is only text. */
function inline(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .replaceAll(/[\\`*_[\]<>|#~]/g, (character) => `\\${character}`);
}

function withInterval({ value, lower, upper }: Interval): string {
  return `${figure(value)} (${figure(lower)}–${figure(upper)})`;
}

function figure(value: number): string {
  return Number.isInteger(value) ? number(value) : value.toFixed(3);
}

/** With thousands separators, whatever the machine's language. */
function number(value: number): string {
  return String(value).replaceAll(/(?<=\d)(?=(\d{3})+$)/g, ',');
}
