/** @type {import('next').NextConfig} */
export default { outputFileTracingRoot: import.meta.dirname, distDir: process.env.NEXT_DIST_DIR ?? ".next" };
