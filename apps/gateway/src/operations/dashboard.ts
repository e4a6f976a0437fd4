import { existsSync, readdirSync } from 'node:fs';
import { findPackageRoot } from './package-root.ts';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const explanation = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tidemill</title>
<body><h1>Tidemill</h1><p>The gateway runs. The dashboard has not been built: run <code>npm run build</code>, then reload.</p>
<p><a href="/docs">API documentation</a> · <a href="/v1/status">status</a> · <a href="/metrics">metrics</a></p></body></html>`;

/** Serves the built page at /; says how to build it while it is not there. */
export function serveDashboard(fastify: FastifyInstance): void {
  const root = join(findPackageRoot(import.meta.dirname), 'dist', 'apps', 'dashboard');
  if (!existsSync(join(root, 'index.html'))) {
    fastify.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').send(explanation));
    return;
  }
  // Not awaited: that would close the routes there are now to the error handler that comes later.
  void fastify.register(fastifyStatic, {
    root,
    serve: false,
    setHeaders: (response, path) => {
      // Files under assets carry a digest in their name.
      void response.header(
        'cache-control',
        path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
      void response.header('x-content-type-options', 'nosniff');
      void response.header(
        'content-security-policy',
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
      );
    },
  });
  fastify.get('/', (_request, reply) => reply.sendFile('index.html'));
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const path = `/${entry.name}`;
    if (entry.isFile()) fastify.get(path, (_request, reply) => reply.sendFile(entry.name));
    else fastify.get(`${path}/*`, (request, reply) => reply.sendFile(request.url.split('?')[0] ?? ''));
  }
}
