import { preact } from '@preact/preset-vite';
import { defineConfig } from 'vite';

export default defineConfig({
  // Relative, so that the page also works behind a path of somebody's proxy.
  base: './',
  plugins: [preact()],
  build: {
    target: 'es2023',
    // The gateway's content security policy has no room for inlined scripts.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
