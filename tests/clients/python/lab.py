"""Starts voltcanary-lab for a suite and talks to its control port; steps with one line each."""
import atexit
import json
import subprocess
import threading
import time
import traceback
import urllib.request

STEP_LIMIT_S = 20


class Lab:
    def __init__(self, binary, options):
        self.process = subprocess.Popen([binary, "run", "--chargers", "0", *options],
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the lab ended with {self.process.wait()}")
        self.ports = json.loads(line)

    @classmethod
    def at(cls, ports):
        """One that another process has started."""
        lab = cls.__new__(cls)
        lab.process, lab.ports = None, ports
        return lab

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=10)
        if code != 0:
            raise RuntimeError(f"the lab ended with {code} on SIGTERM")

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['control']}{path}",
                                         data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def fault(self, **fault):
        return self.ask("POST", "/faults", fault)["id"]

    def clear(self, fault):
        self.ask("DELETE", f"/faults/{fault}")


class Steps:
    """Runs each step in a thread of its own, so that one that hangs is a failure like any other."""

    def __init__(self, title, only=""):
        self.title, self.only = title, only
        self.passed = self.failed = 0

    def step(self, name, run):
        if self.only not in name:
            return
        begun = time.monotonic()
        wrong = []

        def call():
            try:
                run()
            except BaseException:  # told below, whatever it is
                wrong.append(traceback.format_exc())

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(STEP_LIMIT_S)
        if thread.is_alive():
            wrong.append(f"nothing after {STEP_LIMIT_S} s")
        took = round((time.monotonic() - begun) * 1000)
        if wrong:
            self.failed += 1
            print(f"FAIL {self.title}: {name}: {wrong[0]}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {self.title}: {name} ({took} ms)", flush=True)

    def all(self, functions):
        """A step for each function; what it does is the first line of its docstring."""
        for function in functions:
            self.step(function.__doc__.strip().splitlines()[0], function)


def refused(error, run):
    """The error that `run` is refused with."""
    try:
        run()
    except error as caught:
        return caught
    raise AssertionError(f"not refused with {error}")


def eventually(ask, patience_s=5):
    end = time.monotonic() + patience_s
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"not so after {patience_s} s"
        time.sleep(0.02)
