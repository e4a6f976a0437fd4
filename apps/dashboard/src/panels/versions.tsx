import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { count, duration, instant } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { ClockTime } from '../parts/clock-time.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { Challengers } from './challengers.tsx';
import { useSelected } from '../store.ts';
import { epochsOf, type EpochColumn } from '../swaps.ts';
import type { ServingStatus, Swap } from '../wire.ts';

export function Versions() {
  const swaps = useSelected((state) => state.swaps);
  const serving = useSelected((state) => state.serving);
  const model = useSelected((state) => state.model);
  const table = useMemo(
    () =>
      epochsOf(
        swaps,
        serving.filter((status) => status.model === model),
      ),
    [swaps, serving, model],
  );
  return (
    <Panel
      id="versions"
      title="Versions and swaps"
      about="Which version each inference instance answers with. A swap changes the model between two texts while both are loaded: no text is lost or answered twice."
    >
      {table.columns.length === 0 || table.instances.length === 0 ? (
        <Empty command={`npx tidemill models create ${model ?? 'NAME'} --train labelled.jsonl`}>
          No version serves yet. Train the first one:
        </Empty>
      ) : (
        <Epochs columns={table.columns} instances={table.instances} />
      )}
      <Challengers />
      {swaps.length > 0 ? <Offsets swaps={swaps} /> : null}
    </Panel>
  );
}

function Epochs({
  columns,
  instances,
}: {
  columns: readonly EpochColumn[];
  instances: readonly { name: string; current: ServingStatus | undefined }[];
}) {
  const frame = useRef<HTMLDivElement>(null);
  const newest = columns.at(-1)?.epoch;
  // What serves now is the last column: it is the one to see where not all fit.
  useLayoutEffect(() => frame.current?.scrollTo({ left: frame.current.scrollWidth }), [newest, columns.length]);
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Versions per instance over time" ref={frame}>
      <table class="epochs">
        <thead>
          <tr>
            <th scope="col">Instance</th>
            {columns.map(({ epoch, at, rollback }) => (
              <th scope="col" key={epoch}>
                <span aria-hidden="true">{rollback ? '↩' : '⇄'}</span> <ClockTime at={at} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {instances.map(({ name, current }) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
                {current === undefined ? <small> gone</small> : <small> {current.device}</small>}
              </th>
              {columns.map((column) => (
                <Cell key={column.epoch} column={column} instance={name} current={current} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({
  column,
  instance,
  current,
}: {
  column: EpochColumn;
  instance: string;
  current: ServingStatus | undefined;
}) {
  const swap = column.byInstance.get(instance);
  if (current?.epoch === column.epoch && current.state !== 'serving') {
    const failed = current.state === 'failed';
    return (
      <td class={`serve ${failed ? 'serve-failed' : 'serve-loading'}`}>
        <b>v{column.version}</b> <Badge state={failed ? 'failed' : 'running'} text={current.state} />
        {current.error === null ? null : <small>{current.error}</small>}
      </td>
    );
  }
  if (swap === undefined) return <td class="serve serve-none">–</td>;
  const now = current?.epoch === column.epoch;
  const took = instant(swap.servingAt) - instant(column.at);
  return (
    <td class={`serve ${now ? 'serve-now' : ''}`}>
      <b>v{column.version}</b> <small>{now ? 'serving' : 'served'}</small>
      {took > 0 && took < 600_000 ? <small class="took">{duration(took)} after promotion</small> : null}
    </td>
  );
}

/** Newest swaps with where in the topic the new version took over. */
function Offsets({ swaps }: { swaps: readonly Swap[] }) {
  return (
    <details>
      <summary>Where each swap cut the stream</summary>
      <ul class="swaps" tabIndex={0} aria-label="Swaps, newest first">
        {swaps
          .filter(({ instance }) => instance !== null)
          .slice(0, 12)
          .map(({ epoch, instance, version, fromVersion, servingAt, firstOffsets, reason }) => (
            <li key={`${epoch}${instance}`}>
              <p>
                <b>{fromVersion === null ? `v${version}` : `v${fromVersion} → v${version}`}</b> on{' '}
                <code>{instance}</code>, <ClockTime at={servingAt} />, epoch {epoch}
              </p>
              {reason === undefined || reason === '' ? null : <p class="quiet">{reason}</p>}
              <p class="quiet">
                {firstOffsets.length === 0
                  ? 'No text has been answered by it yet.'
                  : `First answered offset: ${firstOffsets.map(({ partition, offset }) => `partition ${partition} from ${count(offset)}`).join(', ')}.`}
              </p>
            </li>
          ))}
      </ul>
    </details>
  );
}
