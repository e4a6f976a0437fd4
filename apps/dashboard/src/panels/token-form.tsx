import type { Live } from '../live.ts';

/** The gateway was started with a token: files of the page are open, what they show is not. */
export function TokenForm({ live }: { live: Live }) {
  return (
    <form
      class="welcome"
      onSubmit={(event) => {
        event.preventDefault();
        const token = new FormData(event.currentTarget).get('token');
        if (typeof token === 'string' && token !== '') live.useToken(token);
      }}
    >
      <h2>This gateway asks for a token</h2>
      <p>It is the value of http.token in the configuration. It is kept for this tab only.</p>
      <label>
        Token <input name="token" type="password" autocomplete="off" required />
      </label>{' '}
      <button type="submit" class="button">
        Connect
      </button>
    </form>
  );
}
