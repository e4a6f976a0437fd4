import type { HostModel } from '#libs/model';
import type { Embedded } from './embed-texts.ts';

/** What the workflow asks of the trainer process. */
export interface TrainRequest {
  texts: string[];
  labels: string[];
  groups: string[];
  seed: number;
  /** What an encoder gives for the texts, then for the golden texts: a head is trained on it. Else n-grams are. */
  embedded?: Embedded & { goldenTexts: string[] };
}

/** What the trainer says; `trained` is its last word. */
export type TrainerMessage =
  | { kind: 'progress'; share: number; detail: string }
  | { kind: 'trained'; onnx: Uint8Array; facts: TrainedFacts }
  | { kind: 'refused'; reason: string };

/** What is known of a trained model besides its graph; follows from data and seed alone. */
export interface TrainedFacts {
  labels: string[];
  input: HostModel['input'];
  output: 'probabilities' | 'logits';
  temperature: number;
  /** Texts learned from. */
  texts: number;
  /** Texts left out because they were blank. */
  blank: number;
  /** Answers of the reference scorer: what every host must give before it may serve. */
  goldenTexts: { text: string; probabilities: number[] }[];
}
