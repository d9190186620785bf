/** nginx with its own cache in front of an application, in a temporary folder. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { install, isInstalled } from "./debian.mjs"
import { ended, withUs } from "./servers.mjs"

/** @returns undefined if nginx cannot be installed */
export async function nginxInFrontOf(origin) {
  if (!(await isInstalled("nginx")) && !(await install("nginx-light"))) return undefined
  const folder = mkdtempSync(join(tmpdir(), "layeron-bench-"))
  // Its workers run as another user.
  chmodSync(folder, 0o777)
  const port = await freePort()
  writeFileSync(join(folder, "nginx.conf"), configuration(folder, port, origin))
  const child = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"], {
    stdio: ["ignore", "inherit", "inherit"],
  })
  await whenAnswering(port, withUs(child))
  return {
    origin: `http://127.0.0.1:${port}`,
    async stop() {
      await ended(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One worker, because each of the others has one process. */
function configuration(folder, port, origin) {
  return `
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=bench:10m max_size=100m;
  keepalive_requests 1000000000;
  upstream app { server ${new URL(origin).host}; keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache bench;
      proxy_cache_valid 200 10m;
      add_header x-cache $upstream_cache_status;
    }
  }
}
`
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1")
  await once(probe, "listening")
  const { port } = probe.address()
  await once(probe.close(), "close")
  return port
}

async function whenAnswering(port, child) {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) break
    const response = await fetch(`http://127.0.0.1:${port}/api/products/1`).catch(() => undefined)
    if (response?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill("SIGTERM")
  throw new Error("nginx does not answer.")
}
