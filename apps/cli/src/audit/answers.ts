import { hash } from 'node:crypto';
import type { Prediction } from '#libs/events';

/** Probabilities of the same answer differ by this much at most, by the composition of its batch or the device. */
const rounding = 1e-3;

/** 64 bits of the SHA-256 over a value as JSON. */
export function digestOf(value: unknown): bigint {
  // As hex: a buffer of its own for each would be freed late.
  return BigInt(`0x${hash('sha256', JSON.stringify(value), 'hex').slice(0, 16)}`);
}

/** How an answer relates to the first one under its key; `another text`: to the first one of any epoch. */
export type Relation = 'same' | 'rounded' | 'contradicting' | 'another text';

/** A text as both its record and what answers it name it. */
export function nameOf(text: { id: string; model: string; occurredAt: number }): bigint {
  return digestOf([text.model, text.id, text.occurredAt]);
}

/** What is wrong with an answer whatever the text was; undefined: nothing. */
export function flawOf({ label, confidence, probabilities }: Prediction): string | undefined {
  const all = Object.values(probabilities);
  // JSON has no NaN: one that went through it is null.
  if (!all.every((one) => Number.isFinite(one))) return 'a probability is not a number';
  const highest = Math.max(...all);
  if (probabilities[label] !== highest) return `label ${label} is not the most probable one`;
  return confidence === highest
    ? undefined
    : `confidence ${confidence} is not the probability ${highest} of label ${label}`;
}

/** One answer, without when and where it was made. */
interface Said {
  digest: bigint;
  label: bigint;
  confidence: number;
}

function saidBy({ version, bundleDigest, label, confidence, probabilities, truncated }: Prediction): Said {
  return {
    digest: digestOf([version, bundleDigest, label, probabilities, truncated]),
    // With the version: another one that says the same is not the same answer.
    label: digestOf([version, bundleDigest, label, truncated]),
    confidence,
  };
}

/** The first answer under a key, to which later ones are compared. */
interface Kept extends Said {
  /** Number of its latest record among the predictions. */
  record: number;
}

/**
 * The answers of one role: for each text the first one in typed arrays, 48 bytes a text; those of other epochs, which
 * only a swap between answer and commit leaves, apart.
 */
export class RoleAnswers {
  /** 0: none, else the number of the model plus 1. */
  readonly models: Uint16Array;
  /** Which text was answered: its name. */
  readonly texts: BigUint64Array;
  /** The epoch that counts: the lowest that was promoted; Infinity: none of them was. */
  readonly lowest: Float64Array;
  readonly #epochs: Float64Array;
  readonly #digests: BigUint64Array;
  readonly #labels: BigUint64Array;
  readonly #confidences: Float32Array;
  readonly #records: Uint32Array;
  readonly #others = new Map<string, Kept>();

  constructor(size: number) {
    this.models = new Uint16Array(size);
    this.texts = new BigUint64Array(size);
    this.lowest = new Float64Array(size);
    this.#epochs = new Float64Array(size);
    this.#digests = new BigUint64Array(size);
    this.#labels = new BigUint64Array(size);
    this.#confidences = new Float32Array(size);
    this.#records = new Uint32Array(size);
  }

  has(index: number): boolean {
    return this.models[index] !== 0;
  }

  /** Epochs that answered a text beside the first. */
  get otherEpochs(): number {
    return this.#others.size;
  }

  /**
   * Notes an answer. Returns how it relates to the first one under its key (text, role, epoch), and the record that said
   * it last; undefined: it is the first, of the same text as those of other epochs.
   */
  note(
    index: number,
    answer: Prediction,
    { record, model, promoted }: { record: number; model: number; promoted: boolean },
  ): { relation: Relation; previous: number } | undefined {
    const said = saidBy(answer);
    const { epoch } = answer;
    const text = nameOf({ ...answer, id: answer.textId });
    const counting = promoted ? epoch : Infinity;
    if (!this.has(index)) {
      this.models[index] = model + 1;
      this.texts[index] = text;
      this.lowest[index] = counting;
      this.#epochs[index] = epoch;
      this.#digests[index] = said.digest;
      this.#labels[index] = said.label;
      this.#confidences[index] = said.confidence;
      this.#records[index] = record;
      return undefined;
    }
    this.lowest[index] = Math.min(this.lowest[index] ?? Infinity, counting);
    const kept = this.#keptOf(index, epoch);
    this.#noteRecord(index, epoch, { ...(kept ?? said), record });
    if (this.texts[index] !== text) return { relation: 'another text', previous: kept?.record ?? record };
    return kept === undefined ? undefined : { relation: relate(kept, said), previous: kept.record };
  }

  #keptOf(index: number, epoch: number): Kept | undefined {
    if (this.#epochs[index] !== epoch) return this.#others.get(`${index}/${epoch}`);
    return {
      digest: this.#digests[index] ?? 0n,
      label: this.#labels[index] ?? 0n,
      confidence: this.#confidences[index] ?? 0,
      record: this.#records[index] ?? 0,
    };
  }

  #noteRecord(index: number, epoch: number, kept: Kept): void {
    if (this.#epochs[index] === epoch) this.#records[index] = kept.record;
    else this.#others.set(`${index}/${epoch}`, kept);
  }
}

function relate(first: Said, said: Said): Relation {
  if (first.digest === said.digest) return 'same';
  const close = Math.abs(first.confidence - said.confidence) <= rounding;
  return first.label === said.label && close ? 'rounded' : 'contradicting';
}
