import type { Label, Text } from '#libs/events';

/** A labelled text of the first version's training set. */
export interface TrainingText {
  id: string;
  text: string;
  label: string;
  /** Texts of one group are never divided between training and evaluation. */
  group: string;
}

/** Everything that happens in a stretch of event time. */
export interface Slice {
  /** Counts from 0. */
  index: number;
  /** What happens, for people. */
  title: string;
  /** Event time (epoch milliseconds) before which all its texts and labels lie; those before it are in earlier slices. */
  until: number;
  /** By event time. */
  texts: Text[];
  /** By the time they were given; their texts may lie in earlier slices. */
  labels: Label[];
}

/** What the loop had come to when it was idle after a slice. */
export interface SliceOutcome {
  /** Version that serves; 0: unknown. */
  version: number;
}

/**
 * A stream to play: a pure function of its seed. Slices are made one by one; a script may let the next depend on what
 * the loop made of the one before (and on nothing else), which the player hands back through `next(outcome)`.
 */
export interface StreamScript {
  /** Model name; also the source of the texts. */
  model: string;
  /** What is played, in a sentence. */
  description: string;
  /** Texts are from people: hide names, addresses and URLs wherever one is shown. */
  private: boolean;
  trainingSet: TrainingText[];
  slices(): Generator<Slice, void, SliceOutcome | undefined>;
  /** A text as it may be shown. */
  mask(text: string): string;
}

/** Text ids say where in the stream they are, so that a player that starts again knows what has been sent. */
export function textId(model: string, slice: number, position: number): string {
  return `${model}-${String(slice).padStart(3, '0')}-${String(position).padStart(4, '0')}`;
}
