"""The proxies that are compared and the origin behind them. Each works in one thread, on one core."""

import json
import os
import shutil
import socket
import subprocess
import time

from benchlib.processes import LOAD_CORE, PATIENCE, SERVER_CORE, BenchError, Measured, Process, Server

PEERS = ("nginx", "haproxy")
BODY = "hello world, hello world, hello world, hello world, hello world!"  # and a newline: 65 bytes
MOST_AT_ORIGIN = 10_000  # connections
FILES = {"1k": 1 << 10, "16k": 16 << 10, "64k": 64 << 10, "1m": 1 << 20, "10m": 10 << 20}


def tinygate(bin_folder, backend, origin, *options, workers=1, core=SERVER_CORE):
    command = [bin_folder / "tinygate", "--listen", "127.0.0.1:0", "--to", origin, "--backend", backend]
    return Server([*command, "--workers", workers, *options], core)


def origin(bin_folder, name, core, *options):
    """Ours, for where there may be no nginx."""
    return Server([bin_folder / "tinygate-origin", "--name", name, *options], core)


def upload_origin(bin_folder):
    """Reads every body to its end before it answers, and counts the bytes."""
    return UploadOrigin([bin_folder / "bench/upload_origin", "--listen", "127.0.0.1:0"], LOAD_CORE)


class UploadOrigin(Server):
    def counted(self):
        """Requests and bytes of bodies so far."""
        self.tell("")
        said = json.loads(self.read_line())
        return said["requests"], said["bytes"]


def bare_pump(bin_folder, mechanism, origin):
    return Server([bin_folder / "bench/bare_pump", "--mechanism", mechanism, "--listen", "127.0.0.1:0", "--to", origin])


def peer(name, folder, origin, **options):
    """nginx or HAProxy, in a folder of its own."""
    return {"nginx": Nginx, "haproxy": Haproxy}[name](folder, origin, **options)


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

    def __init__(self, folder, origin, clients=2_000):
        """`clients`: how many connections it must be able to hold."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.origin, self.clients = folder, origin, clients
        self.address = f"127.0.0.1:{free_port()}"
        super().__init__(self.configure())

    def _await_start(self):
        wait_until_listening(self, self.address)


class Nginx(Foreign):
    def __init__(self, *arguments, access_log="off", request_buffering="on", **options):
        """Buffering is nginx's default: it takes a request's body whole, larger ones into a file, before it goes on."""
        self.access_log, self.request_buffering = access_log, request_buffering
        super().__init__(*arguments, **options)

    def configure(self):
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            nginx_preamble(self.folder, 2 * self.clients + 192)
            + f"""http {{ access_log {self.access_log}; keepalive_requests 100000000; {nginx_folders(self.folder)}
              client_max_body_size 0; proxy_request_buffering {self.request_buffering};
              upstream origin {{ server {self.origin}; keepalive {max(1024, self.clients)}; keepalive_requests 100000000; }}
              server {{ listen {self.address} backlog=4096;
                location / {{
                  proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
                }} }} }}"""
        )
        return nginx_command(self.folder)


class Haproxy(Foreign):
    def configure(self):
        """By default it closes idle upstream connections instead of using them again once a quarter of its descriptors is
        in use, which with thousands of clients costs it most of its time."""
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(
            f"""global
              nbthread 1
              maxconn {self.clients}
              maxpipes {min(500, self.clients // 4)}
              tune.pool-high-fd-ratio 100
              tune.pool-low-fd-ratio 100
            defaults
              mode http
              timeout connect 5s
              timeout client 60s
              timeout server 60s
              http-reuse always
              option splice-auto
            frontend gate
              bind {self.address} backlog 4096
              maxconn {self.clients}
              default_backend origins
            backend origins
              server one {self.origin} pool-max-conn {self.clients} pool-purge-delay 60s\n"""
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
            nginx_preamble(folder, MOST_AT_ORIGIN)
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


def nginx_preamble(folder, connections):
    return (
        f"worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections {max(8192, connections)}; }}\n"
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
