import type { Prediction, TopicName } from '#libs/events';
import type { AcceptedMessage } from '#libs/stream';

/**
 * What a wrong product does, each to one text in 55 of a partition, so that one run shows what is found of all of them.
 * Beside that it never swaps, and tells wrong first offsets.
 */
const wrongAnswers = [
  'drops a text',
  'names another version',
  'answers as a shadow',
  'answers as a canary',
  'says two things',
  'says it twice',
  'another answer',
  'another label',
  'swaps two texts',
  'turns two texts round',
  'buries a good text',
] as const;
export type WrongAnswer = (typeof wrongAnswers)[number];

/** What was done to the text at this offset. */
export function wrongAt(offset: number): WrongAnswer | undefined {
  return offset % 5 === 1 ? wrongAnswers[((offset - 1) / 5) % wrongAnswers.length] : undefined;
}

/** Whether an event of topic model-versions is one that a product that never swaps leaves unread. */
export function isOutdated(value: object | null): boolean {
  return value !== null && 'challengers' in value && 'epoch' in value && Number(value.epoch) > 1;
}

/** Takes good texts out of what is handled, and returns them as rejects. */
export function buryGoodTexts<T extends TopicName>(accepted: AcceptedMessage<T>[]) {
  const good = accepted.filter(({ offset }) => wrongAt(Number(offset)) === 'buries a good text');
  for (const message of good) accepted.splice(accepted.indexOf(message), 1);
  return good.map((message) => ({ message, reject: { code: 'model-failed' as const, reason: 'it was not liked' } }));
}

/** Predictions and first offsets as a wrong product writes them; changed in place: they were made for this call. */
export function wrongly<R extends { value: object | null }>(records: readonly R[]): readonly R[] {
  const written = records.map((record) => [record]);
  for (const [i, record] of records.entries()) {
    const { value } = record;
    if (value !== null && 'firstOffsets' in value && Array.isArray(value.firstOffsets))
      for (const first of value.firstOffsets) first.offset++;
    if (!isPrediction(value)) continue;
    const next = records[i + 1]?.value ?? null;
    const beside = isPrediction(next) && next.inputOffset === value.inputOffset + 1 ? next : undefined;
    const again = structuredClone(record);
    switch (wrongAt(value.inputOffset)) {
      case 'drops a text':
        written[i] = [];
        break;
      case 'names another version':
        value.version++;
        break;
      case 'answers as a shadow':
        value.role = 'shadow';
        break;
      case 'answers as a canary':
        value.role = 'canary';
        break;
      case 'says two things':
        turn(value);
        written[i]?.push(again);
        break;
      case 'says it twice':
        written[i]?.push(again);
        break;
      case 'another answer':
        turn(value);
        break;
      case 'another label':
        value.label = otherLabel(value.label);
        break;
      case 'swaps two texts':
        if (beside !== undefined) [value.textId, beside.textId] = [beside.textId, value.textId];
        break;
      case 'turns two texts round':
        if (beside !== undefined) [written[i], written[i + 1]] = [written[i + 1] ?? [], [record]];
        break;
      case 'buries a good text':
      case undefined:
    }
  }
  return written.flat();
}

/** An answer in which nothing contradicts itself: that only its model would not give. */
function turn(value: Prediction): void {
  value.label = otherLabel(value.label);
  const { north = 0, south = 0 } = value.probabilities;
  value.probabilities = { north: south, south: north };
}

function otherLabel(label: string): string {
  return label === 'north' ? 'south' : 'north';
}

function isPrediction(value: object | null): value is Prediction {
  return value !== null && 'textId' in value && 'bundleDigest' in value;
}
