import { count, percent } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { ClockTime } from '../parts/clock-time.tsx';
import { useSelected } from '../store.ts';
import type { Comparison } from '../wire.ts';

/** Versions that are tried beside the one that serves, and how they do on the same labels; nothing while there is none. */
export function Challengers() {
  const comparisons = useSelected((state) => state.comparisons);
  if (comparisons.length === 0) return null;
  return (
    <section class="challengers" aria-label="Challengers">
      <h3>Tried beside it</h3>
      <div class="scroll" tabIndex={0} role="group" aria-label="Challengers and how they do">
        <table>
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Labels of both</th>
              <th scope="col">Only champion right</th>
              <th scope="col">Only challenger right</th>
              <th scope="col">Evidence</th>
            </tr>
          </thead>
          <tbody>
            {comparisons.map((one) => (
              <tr key={one.challenger}>
                <th scope="row">
                  v{one.challenger} <Badge state={one.role ?? ''} text={roleOf(one)} />
                  <small>
                    {' '}
                    since <ClockTime at={one.since} />
                  </small>
                </th>
                <td>{count(one.labels)}</td>
                <td>{count(one.onlyChampionRight)}</td>
                <td>{count(one.onlyChallengerRight)}</td>
                <td>{evidenceOf(one)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="quiet">
        Both answer the same texts, whichever answer is given. Evidence is how many times better “one is better”
        explains the labels than “both are as good”; a canary is promoted or withdrawn at{' '}
        {count(comparisons[0]?.decisiveEvidence ?? 0)}.
      </p>
    </section>
  );
}

function roleOf({ role, share }: Comparison): string {
  return role === 'canary' ? `canary, answers ${percent(share ?? 0)}` : (role ?? '');
}

function evidenceOf({ evidenceOfBetter, evidenceOfWorse, decisiveEvidence }: Comparison): string {
  const better = evidenceOfBetter >= evidenceOfWorse;
  const most = Math.max(evidenceOfBetter, evidenceOfWorse);
  if (most >= decisiveEvidence) return better ? 'clearly better' : 'clearly worse';
  return `${most.toPrecision(2)} for ${better ? 'better' : 'worse'}`;
}
