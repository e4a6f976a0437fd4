import type { Label, Text } from '#libs/events';
import { LabelQueue } from './label-queue.ts';
import { type Mail, readMails } from './mail-corpus.ts';
import { maskPersonal } from './mask.ts';
import { seededRandom } from './random.ts';
import { type Slice, type StreamScript, textId } from './stream-script.ts';

const hour = 3_600_000;
const day = 24 * hour;
/** Everything before is what version 1 is trained on. */
const replayFrom = Date.UTC(2002, 6, 29);
const replayUntil = Date.UTC(2002, 10, 1);
/** A new legitimate source, feeds turned into mails, begins at about noon of this day. */
const event = Date.UTC(2002, 8, 26);
/** A day's slice ends in the morning after, when mails of the new day have moved the watermark past midnight. */
const beyond = 8 * hour;
const soonestLabel = 12 * hour;
const latestLabel = 24 * hour;

/**
 * Mail of autumn 2002 with a real, dated drift event.
 * @throws TidemillError STREAM_DATA_MISSING when the optional package of the corpus is not installed.
 */
export async function mailScript({ seed = 42 }: { seed?: number } = {}): Promise<StreamScript> {
  return mailReplay(await readMails(), seed);
}

/** The replay of mails that are sorted by date. */
export function mailReplay(mails: readonly Mail[], seed: number): StreamScript {
  return {
    model: 'mail',
    description: 'Mail of summer and autumn 2002: spam or ham',
    private: true,
    trainingSet: mails
      .filter(({ receivedAt }) => receivedAt < replayFrom)
      .map(({ position, text, label, group }) => ({
        id: `mail-training-${String(position).padStart(4, '0')}`,
        text,
        label,
        group,
      })),
    slices: () =>
      slices(
        mails.filter(({ receivedAt }) => receivedAt >= replayFrom && receivedAt < replayUntil),
        seed,
      ),
    mask: maskPersonal,
  };
}

/** A slice a day, days without mails and labels left out. What the loop does changes nothing: it is history. */
function* slices(mails: readonly Mail[], seed: number): Generator<Slice, void, unknown> {
  const random = seededRandom(seed, 'mail', 'labels');
  const labels = new LabelQueue();
  let index = 0;
  let next = 0;
  for (let from = replayFrom; from < replayUntil + latestLabel; from += day) {
    const until = from + day + beyond;
    const texts: Text[] = [];
    for (let mail = mails[next]; mail !== undefined && mail.receivedAt < until; mail = mails[++next]) {
      const id = textId('mail', index, texts.length);
      texts.push(asText(id, mail));
      const delay = soonestLabel + Math.floor(random() * (latestLabel - soonestLabel));
      labels.add(asLabel(id, mail.label, mail.receivedAt + delay));
    }
    const due = labels.takeBefore(until);
    if (texts.length === 0 && due.length === 0) continue;
    yield { index: index++, title: titleOf(from), until, texts, labels: due };
  }
}

function titleOf(from: number): string {
  return from < event
    ? 'mail of the same lists and senders, day by day'
    : 'a new source appears: feeds turned into mails';
}

function asText(id: string, { text, receivedAt, group }: Mail): Text {
  return { id, model: 'mail', text, occurredAt: receivedAt, source: 'mail', attributes: { group } };
}

function asLabel(textIdentifier: string, label: string, labelledAt: number): Label {
  return {
    textId: textIdentifier,
    model: 'mail',
    label,
    labeller: 'corpus',
    source: 'human',
    labelledAt,
    confidence: null,
  };
}
