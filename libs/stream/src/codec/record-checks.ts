import { type Label, modelNamePattern, type RecordOf, type Text, type TopicName } from '#libs/events';

/** What the schema cannot say. Returns the reason against the record, or undefined. */
export function checkRecord<T extends TopicName>(topic: T, record: RecordOf<T>, limits: RecordLimits) {
  if (topic === 'texts') return checkText(record as Text, limits);
  if (topic === 'labels') return checkLabel(record as Label);
  return checkModel(record.model);
}

export interface RecordLimits {
  /** Longest text, as UTF-8 bytes. */
  maximumTextBytes: number;
}

const maximumIdLength = 1024;
/** The range of JavaScript's Date; the tables move what they cannot hold to their nearest end. */
const latestTime = 8.64e15;

function checkText({ id, model, text, occurredAt }: Text, { maximumTextBytes }: RecordLimits): string | undefined {
  return (
    checkId('id', id) ?? checkModel(model) ?? checkLength(text, maximumTextBytes) ?? checkTime('occurredAt', occurredAt)
  );
}

function checkLabel({ textId, model, label, labelledAt, confidence }: Label): string | undefined {
  const share = confidence === null || (confidence >= 0 && confidence <= 1);
  return (
    checkId('textId', textId) ??
    checkModel(model) ??
    checkId('label', label) ??
    checkTime('labelledAt', labelledAt) ??
    (share ? undefined : 'confidence: must be between 0 and 1')
  );
}

function checkId(field: string, id: string): string | undefined {
  if (id === '') return `${field}: must not be empty`;
  return id.length > maximumIdLength ? `${field}: must not be longer than ${maximumIdLength} characters` : undefined;
}

function checkModel(model: string): string | undefined {
  return modelNamePattern.test(model)
    ? undefined
    : 'model: must be lower-case letters, digits and hyphens, at most 63 characters, not starting with a hyphen';
}

function checkLength(text: string, maximum: number): string | undefined {
  // A UTF-16 unit takes at most three bytes, so that most texts need no counting.
  if (text.length * 3 <= maximum) return undefined;
  const bytes = Buffer.byteLength(text, 'utf8');
  return bytes > maximum ? `text: has ${bytes} bytes, at most ${maximum} are accepted` : undefined;
}

function checkTime(field: string, time: number): string | undefined {
  return Math.abs(time) <= latestTime ? undefined : `${field}: ${time} is not a time`;
}
