import type { Label, Text } from '#libs/events';
import { LabelQueue } from './label-queue.ts';
import { drawKey, type Random, seededRandom } from './random.ts';
import { type Snippet, SnippetSource } from './snippets.ts';
import { type Slice, type SliceOutcome, type StreamScript, textId, type TrainingText } from './stream-script.ts';

/** ISO 639-3 or udhr codes: standard Somali, Af Marka, Maay; then Garre, Jiiddu and Dabarre, which version 1 has never seen. */
const known = ['som', '058', '057'] as const;
const unseen = ['065', '066', '064'] as const;
const codes = [...known, ...unseen];

const hour = 3_600_000;
const minute = 60_000;
/** Monday. */
const start = Date.UTC(2026, 0, 5);
/** One an hour's 300th: a window of an hour holds exactly 300 texts. */
const interval = hour / 300;
/** A slice ends this long after its hour, so that the watermark has passed the hour and its window is decided. */
const beyond = 10 * minute;
const labelShare = 0.95;
const soonestLabel = 15 * minute;
const latestLabel = 45 * minute;
const trainingTextsPerLabel = 300;

const baselineShares = { som: 60, '058': 25, '057': 15 };
const movedShares = { som: 20, '058': 30, '057': 50 };
/** 60 % as at the beginning, 40 % in dialects that version 1 has never seen. */
const noveltyShares = { som: 36, '058': 15, '057': 9, '065': 40 / 3, '066': 40 / 3, '064': 40 / 3 };

/** Translations are parallel, so the stream divides by article: what is trained on, what drifts, what comes after the swap. */
const ofTraining = (article: number) => article % 3 === 1;
const ofStream = (article: number) => article % 3 === 2;
const afterSwap = (article: number) => article % 3 === 0;

const phases = {
  baseline: { title: 'three dialects, 60/25/15, as in training', shares: baselineShares },
  prior: { title: 'the same dialects in other shares, 20/30/50: harmless', shares: movedShares },
  drift: { title: '40 % in three dialects that no version has seen', shares: noveltyShares },
  after: { title: 'the same mix, from articles that nothing was trained on', shares: noveltyShares },
};
type PhaseName = keyof typeof phases;

export interface SomaliOptions {
  seed?: number;
  /** Hours, that is windows of 300 texts, of each phase. The drift lasts until a new version serves, or `drift` hours. */
  hours?: { baseline: number; prior: number; drift: number; after: number };
}

/** Dialects of Somali: a harmless change of shares, then dialects nobody has labelled yet. */
export function somaliScript({ seed = 42, hours = { baseline: 6, prior: 2, drift: 6, after: 7 } }: SomaliOptions = {}) {
  const script: StreamScript = {
    model: 'somali',
    description: 'Dialects of Somali from the Universal Declaration of Human Rights',
    private: false,
    trainingSet: trainingSet(seed),
    slices: () => slices(seed, hours),
    mask: (text) => text,
  };
  return script;
}

function trainingSet(seed: number): TrainingText[] {
  const source = new SnippetSource(known, ofTraining);
  const random = seededRandom(seed, 'somali', 'training');
  return known.flatMap((label) =>
    Array.from({ length: trainingTextsPerLabel }, (_, index) => {
      const { text, article } = source.draw(random, label);
      return { id: `somali-training-${label}-${String(index).padStart(4, '0')}`, text, label, group: groupOf(article) };
    }),
  );
}

function* slices(
  seed: number,
  hours: Required<SomaliOptions>['hours'],
): Generator<Slice, void, SliceOutcome | undefined> {
  const speakers = new Speakers(seed);
  const labels = new LabelQueue();
  const driftFrom = hours.baseline + hours.prior;
  let after = Number.POSITIVE_INFINITY;
  let firstVersion: number | undefined;
  let ticks = 0;
  const phaseAt = (hourIndex: number, slice: number): PhaseName => {
    if (hourIndex < hours.baseline) return 'baseline';
    if (hourIndex < driftFrom) return 'prior';
    return slice >= after ? 'after' : 'drift';
  };
  for (let index = 0; index < after + hours.after; index++) {
    const until = start + (index + 1) * hour + beyond;
    const last = index + 1 === after + hours.after;
    const texts: Text[] = [];
    // The last slice ends with its hour: there is no next one.
    for (; start + ticks * interval < (last ? until - beyond : until); ticks++) {
      const phase = phaseAt(Math.floor((ticks * interval) / hour), index);
      const spoken = speakers.speak(phase, { id: textId('somali', index, texts.length), at: start + ticks * interval });
      texts.push(spoken.text);
      if (spoken.label !== undefined) labels.add(spoken.label);
    }
    const title = phases[phaseAt(index, index)].title;
    const outcome = yield { index, title, until, texts, labels: labels.takeBefore(until) };
    firstVersion ??= outcome?.version;
    const driftHours = index + 1 - driftFrom;
    const swapped = outcome !== undefined && firstVersion !== undefined && outcome.version > firstVersion;
    if (after === Number.POSITIVE_INFINITY && driftHours >= 1 && (swapped || driftHours >= hours.drift))
      after = index + 1;
  }
  const rest = labels.last;
  if (rest !== undefined) {
    const title = 'the last labels arrive';
    yield { index: after + hours.after, title, until: rest + 1, texts: [], labels: labels.takeBefore(rest + 1) };
  }
}

/** Who writes: one source of chance a phase, so that its texts do not depend on how long the phases before it took. */
class Speakers {
  readonly #seed: number;
  readonly #stream = new SnippetSource(codes, ofStream);
  readonly #afterSwap = new SnippetSource(codes, afterSwap);
  readonly #randoms = new Map<PhaseName, Random>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** A text at most one interval after `at`, and its label unless nobody gives one. */
  speak(phase: PhaseName, { id, at }: { id: string; at: number }): { text: Text; label: Label | undefined } {
    const random = this.#random(phase);
    const label = drawKey(random, phases[phase].shares);
    const snippet = (phase === 'after' ? this.#afterSwap : this.#stream).draw(random, label);
    const occurredAt = at + Math.floor(random() * interval);
    const labelled = random() < labelShare;
    const labelledAt = occurredAt + soonestLabel + Math.floor(random() * (latestLabel - soonestLabel));
    return {
      text: asText(id, snippet, occurredAt),
      label: labelled ? asLabel(id, label, labelledAt) : undefined,
    };
  }

  #random(phase: PhaseName): Random {
    const random = this.#randoms.get(phase) ?? seededRandom(this.#seed, 'somali', phase);
    this.#randoms.set(phase, random);
    return random;
  }
}

function asText(id: string, { text, article }: Snippet, occurredAt: number): Text {
  return { id, model: 'somali', text, occurredAt, source: 'somali', attributes: { group: groupOf(article) } };
}

function asLabel(textIdentifier: string, label: string, labelledAt: number): Label {
  return {
    textId: textIdentifier,
    model: 'somali',
    label,
    labeller: 'udhr',
    source: 'human',
    labelledAt,
    confidence: null,
  };
}

function groupOf(article: number): string {
  return `article-${String(article).padStart(2, '0')}`;
}
