import { count } from '../format.ts';
import { ClockTime } from '../parts/clock-time.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { useSelected } from '../store.ts';

export function DeadLetters() {
  const letters = useSelected((state) => state.deadLetters);
  const waiting = (letters?.topics ?? []).filter((topic) => topic.waiting > 0);
  const [first] = waiting;
  return (
    <Panel
      id="dead-letters"
      title="Dead letters"
      about="Records that could not be processed wait here with their original bytes and the reason, instead of stopping the stream. Repair and replay them, or drop them."
    >
      {letters === undefined ? <p class="quiet">Being counted.</p> : null}
      {letters !== undefined && first === undefined ? (
        <Empty>None: every record could be read and answered.</Empty>
      ) : null}
      {first === undefined || letters === undefined ? null : (
        <>
          <ul class="counts">
            {waiting.map((topic) => (
              <li key={topic.topic}>
                <b>{count(topic.waiting)}</b> of <code>{topic.topic}</code>
              </li>
            ))}
          </ul>
          <ul class="log" tabIndex={0} aria-label="Newest dead letters">
            {letters.newest.map(({ id, topic, partition, offset, error, reason, text, failedAt }) => (
              <li key={`${topic}${id}`}>
                <p class="log-head">
                  <b>{error}</b>
                  <span class="quiet">
                    {topic} {partition}:{offset}
                  </span>
                  <ClockTime at={failedAt} />
                </p>
                <p>{reason}</p>
                {text === '' ? null : (
                  <pre class="bytes" dir="auto">
                    {text}
                  </pre>
                )}
              </li>
            ))}
          </ul>
          <pre tabIndex={0} aria-label="command">
            <code>{`npx tidemill dlq show ${first.topic}\nnpx tidemill dlq replay ${first.topic} --all`}</code>
          </pre>
        </>
      )}
    </Panel>
  );
}
