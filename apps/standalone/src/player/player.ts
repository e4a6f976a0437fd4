import { z } from 'zod';
import type { Clock } from '#libs/platform';
import type { GatewayClient } from '../gateway-client.ts';
import type { Story } from '../story/story.ts';
import { streamError } from '../streams/errors.ts';
import { type Slice, type StreamScript, textId } from '../streams/stream-script.ts';
import { Loop } from './loop.ts';
import { Pace, sendSlice } from './send.ts';

export interface PlayOptions {
  script: StreamScript;
  gateway: GatewayClient;
  story: Story;
  clock: Clock;
  /** Event time passes at most this many times as fast as real time. */
  speed: number | undefined;
}

const dataset = z.looseObject({ digest: z.string(), texts: z.number(), labels: z.array(z.string()) });

/**
 * Plays a stream through the gateway's public API:
 *
 *   training set → version 1 → [ slice of event time → wait until the loop is idle ]*
 *
 * Waiting makes the results independent of the machine's speed. What has been sent is known from what has been
 * predicted, so a player that was stopped goes on at the first slice that was not: texts carry their place in the
 * stream in their ids, and a record sent twice changes nothing. No other progress is kept.
 */
export async function play(options: PlayOptions): Promise<void> {
  const { script, gateway, story, clock, speed } = options;
  const loop = new Loop(gateway, clock);
  const pace = new Pace({ speed, clock });
  const probe = script.trainingSet[0]?.text ?? '';
  const waiting = (what: string) => story.progress(`${script.model}: ${what}`);
  story.line(`stream ${script.model}: ${script.description}`);
  await loop.idle(waiting);
  let behind = (await loop.servingVersion(script.model, probe)) > 0;
  if (!behind) await createModel(options, loop);

  const slices = script.slices();
  let title = '';
  let skipped = 0;
  for (let step = slices.next(); step.done !== true;) {
    const slice = step.value;
    const labelsOnly = behind && (await wasSent(slice, script, loop));
    const next = labelsOnly ? await loop.answeredBy(script.model, textId(script.model, slice.index + 1, 0)) : undefined;
    if (next !== undefined) {
      // The slice after it has been answered: everything of this one had been sent.
      skipped++;
      step = slices.next({ version: next });
      continue;
    }
    behind &&= labelsOnly;
    if (skipped > 0) story.line(`  goes on after ${skipped} slices that were played before`);
    skipped = 0;
    if (slice.title !== title) story.line(`${moment(slice)}  ${slice.title}`);
    title = slice.title;
    story.progress(`${script.model}: ${moment(slice)}, ${slice.texts.length} texts, ${slice.labels.length} labels`);
    await sendSlice(slice, { gateway, pace, labelsOnly });
    await loop.idle(waiting);
    step = slices.next({ version: await loop.servingVersion(script.model, probe) });
  }
  story.progress('');
  story.line(`stream ${script.model}: ${skipped > 0 ? 'had been played before' : 'played to its end'}`);
}

/** Whether all texts of a slice had been produced: they are sent in order, so its last one tells. */
async function wasSent(slice: Slice, script: StreamScript, loop: Loop): Promise<boolean> {
  const last = slice.texts.at(-1);
  return last !== undefined && (await loop.answeredBy(script.model, last.id)) !== undefined;
}

/** Uploads the training set, asks for version 1 and waits until it answers. */
async function createModel({ script, gateway, story }: PlayOptions, loop: Loop): Promise<void> {
  const { model } = script;
  const uploaded = dataset.parse(await gateway.postLines(`/v1/models/${model}/datasets`, script.trainingSet));
  story.line(`  ${uploaded.texts} labelled texts of ${uploaded.labels.length} classes train ${model}@1`);
  await gateway.post(`/v1/models/${model}/retraining-requests`, {
    dataset: uploaded.digest,
    reason: 'the first version, on the training set of the stream',
    requestedBy: `stream ${model}`,
  });
  await loop.idle((what) => story.progress(`${model}@1: ${what}`));
  if ((await loop.servingVersion(model, script.trainingSet[0]?.text ?? '')) === 0) {
    throw streamError('STREAM_REFUSED', {
      detail: `${model}@1 was not promoted: GET /v1/models/${model} and /v1/runs say why`,
    });
  }
}

function moment({ until, texts, labels }: Slice): string {
  const at = texts[0]?.occurredAt ?? labels[0]?.labelledAt ?? until;
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
