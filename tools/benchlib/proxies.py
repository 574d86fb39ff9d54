"""The proxies that are compared and the origin behind them. Each works in one thread, on one core."""

import os
import shutil
import socket
import subprocess
import time

from benchlib.processes import LOAD_CORE, PATIENCE, BenchError, Measured, Process, Server

PEERS = ("nginx", "haproxy")
BODY = "hello world, hello world, hello world, hello world, hello world!"  # and a newline: 65 bytes
FILES = {"1k": 1 << 10, "16k": 16 << 10, "64k": 64 << 10, "1m": 1 << 20, "10m": 10 << 20}


def tinygate(bin_folder, backend, origin, *options):
    command = [bin_folder / "tinygate", "--listen", "127.0.0.1:0", "--to", origin, "--backend", backend]
    return Server([*command, "--workers", "1", *options])


def origin(bin_folder, name, core, *options):
    """Ours, for where there may be no nginx."""
    return Server([bin_folder / "tinygate-origin", "--name", name, *options], core)


def bare_pump(bin_folder, mechanism, origin):
    return Server([bin_folder / "bench/bare_pump", "--mechanism", mechanism, "--listen", "127.0.0.1:0", "--to", origin])


def peer(name, folder, origin):
    """nginx or HAProxy, in a folder of its own."""
    return {"nginx": Nginx, "haproxy": Haproxy}[name](folder, origin)


def version_of(name):
    """As it says itself, such as "nginx 1.22.1"; empty if it is not installed."""
    if not shutil.which(name):
        return ""
    done = subprocess.run([name, "-v"], capture_output=True, text=True)
    words = (done.stdout + done.stderr).replace("/", " ").split()
    numbers = [word for word in words if word[:1].isdigit()]
    return f"{name} {numbers[0].partition('-')[0]}" if numbers else name


class Foreign(Measured):
    """A server that takes the port from a configuration and does not say when it listens."""

    def __init__(self, folder, origin):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.origin = folder, origin
        self.address = f"127.0.0.1:{free_port()}"
        super().__init__(self.configure())

    def _await_start(self):
        wait_until_listening(self, self.address)


class Nginx(Foreign):
    def configure(self):
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            nginx_preamble(self.folder)
            + f"""http {{ access_log off; keepalive_requests 100000000; {nginx_folders(self.folder)}
              upstream origin {{ server {self.origin}; keepalive 1024; keepalive_requests 100000000; }}
              server {{ listen {self.address} backlog=4096;
                location / {{
                  proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
                }} }} }}"""
        )
        return nginx_command(self.folder)


class Haproxy(Foreign):
    def configure(self):
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(
            f"""global
              nbthread 1
              maxconn 2000
            defaults
              mode http
              timeout connect 5s
              timeout client 60s
              timeout server 60s
              http-reuse always
              option splice-auto
            frontend gate
              bind {self.address} backlog 4096
              default_backend origins
            backend origins
              server one {self.origin} pool-max-conn 2000\n"""
        )
        return ["haproxy", "-db", "-f", configuration]


class NginxOrigin(Process):
    """Answers 65 bytes at `/`, and files of random bytes at `/f/1k` to `/f/10m`."""

    def __init__(self, folder):
        if not shutil.which("nginx"):
            raise BenchError("nginx is not installed, and it is the origin of this benchmark")
        make_files(folder / "www/f")
        self.address = f"127.0.0.1:{free_port()}"
        (folder / "nginx.conf").write_text(
            nginx_preamble(folder)
            + f"""http {{ access_log off; keepalive_requests 100000000; {nginx_folders(folder)}
              server {{ listen {self.address} backlog=4096;
                location / {{ return 200 "{BODY}\\n"; }}
                location /f/ {{ root {folder}/www; }} }} }}"""
        )
        super().__init__(nginx_command(folder), LOAD_CORE)
        try:
            wait_until_listening(self, self.address)
        except BaseException:
            self.__exit__()
            raise


def nginx_preamble(folder):
    return (
        f"worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 8192; }\n"
    )


def nginx_folders(folder):
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def nginx_command(folder):
    return ["nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"]


def make_files(folder):
    """nginx's worker may be another user: the folders are open to all."""
    folder.mkdir(parents=True)
    for name, size in FILES.items():
        (folder / name).write_bytes(os.urandom(size))
    for above in (folder, folder.parent, folder.parent.parent, folder.parent.parent.parent):
        above.chmod(0o755)


def free_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


def wait_until_listening(process, address):
    host, port = address.split(":")
    deadline = time.monotonic() + PATIENCE
    while True:
        process.check_alive()
        try:
            socket.create_connection((host, int(port)), 0.2).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise BenchError(f"{process.command[0]}: does not listen on {address}") from None
            time.sleep(0.02)
