import type { Label, Prediction, Text } from '#libs/events';
import type { Stream } from '#libs/stream';

export const hour = 3_600_000;
/** Event time of the first text. */
export const start = Date.UTC(2026, 0, 5);
export const perHour = 100;

const words = {
  old: 'waan ku arkay magaalada shalay isaga iyo walaalkiis guriga hortiisa ayaa uu'.split(' '),
  new: 'dabarre jiidda xoolaha maqaasin eelaaso okaas ewe ariya sheekada iskaa bur kor'.split(' '),
};
type Language = keyof typeof words;

/** A text of the stream by its number: a hundred an hour, in old or new words. */
export function textOf(index: number, language: Language): Text {
  const pick = (k: number) => words[language][(index * 7 + k * 5 + ((index * k) % 3)) % 12] ?? '';
  const text = [0, 1, 2, 3, 4, 5].map(pick).join(' ');
  return { id: `t${index}`, model: 'm', text, occurredAt: timeOf(index), source: 'test', attributes: {} };
}

/** All texts of the hours [from, until). */
export function hours(from: number, until: number, language: Language): Text[] {
  const count = (until - from) * perHour;
  return Array.from({ length: count }, (_, i) => textOf(from * perHour + i, language));
}

/** Classes `a` and `b` in turn. */
const classOf = (textId: string) => (Number(textId.slice(1)) % 2 === 0 ? 'a' : 'b');
const timeOf = (index: number) => start + Math.floor((index * hour) / perHour);

export function predictionOf(text: Text, { partition, offset } = { partition: 0, offset: 0n }): Prediction {
  const label = classOf(text.id);
  const confidence = 0.9;
  return {
    textId: text.id,
    model: text.model,
    version: 1,
    epoch: 1,
    bundleDigest: 'd',
    label,
    confidence,
    probabilities: { a: label === 'a' ? confidence : 1 - confidence, b: label === 'b' ? confidence : 1 - confidence },
    role: 'champion',
    inputTopic: 'texts',
    inputPartition: partition,
    inputOffset: Number(offset),
    occurredAt: text.occurredAt,
    inferredAt: text.occurredAt,
    device: 'cpu',
    truncated: false,
    queueMilliseconds: 0,
    inferenceMilliseconds: 0,
  };
}

/** The right label, given half an hour after the text, but for what is changed. */
export function labelOf(textId: string, change: Partial<Label> = {}): Label {
  const labelledAt = timeOf(Number(textId.slice(1))) + hour / 2;
  const given = { label: classOf(textId), labeller: 'test', source: 'human', labelledAt, confidence: null };
  return { textId, model: 'm', ...given, ...change };
}

/** Texts and then their answers, which are returned. */
export async function sendTexts(
  stream: Stream,
  texts: readonly Text[],
  change: Partial<Prediction> = {},
): Promise<Prediction[]> {
  const places = await stream.producer().send(
    'texts',
    texts.map((value) => ({ key: value.id, value })),
  );
  const answers = texts.map((text, i) => ({ ...predictionOf(text, places[i]), ...change }));
  await sendAnswers(stream, answers);
  return answers;
}

export async function sendAnswers(stream: Stream, answers: readonly Prediction[]): Promise<void> {
  await stream.producer().send(
    'predictions',
    answers.map((value) => ({ key: value.textId, value })),
  );
}

export async function sendLabels(stream: Stream, textIds: readonly string[], change: Partial<Label> = {}) {
  await stream.producer().send(
    'labels',
    textIds.map((textId) => ({ key: textId, value: labelOf(textId, change) })),
  );
}
