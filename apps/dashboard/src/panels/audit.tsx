import { words } from '../format.ts';
import { glyphOf, toneOf } from '../parts/badge.tsx';
import { ClockTime } from '../parts/clock-time.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { useSelected } from '../store.ts';

export function Audit() {
  const audit = useSelected((state) => state.audit);
  return (
    <Panel
      id="audit"
      title="Registry"
      about="Who did what to this model’s versions, when and why; nothing is ever taken out of this log."
    >
      {audit.length === 0 ? (
        <Empty>It begins with the first version.</Empty>
      ) : (
        <ul class="log" tabIndex={0} aria-label="Registry log, newest first">
          {audit.map(({ key, at, kind, version, by, reason }) => (
            <li key={key}>
              <p class="log-head">
                <span class={`tone-${toneOf(kind)}`} aria-hidden="true">
                  {glyphOf(kind)}
                </span>
                <b>
                  {words(kind)}
                  {version === null ? '' : ` v${version}`}
                </b>
                {by === '' ? null : <span class="quiet">by {by}</span>}
                <ClockTime at={at} />
              </p>
              {reason === '' ? null : <p>{reason}</p>}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
