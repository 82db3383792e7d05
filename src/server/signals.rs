//! Signals, caught from the first moment of the process: as process 1 of a container it would ignore those that have no handler.

use std::io;
use std::process;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The process ended before all was done that it had: requests were cut, or it had not even started.
pub(super) const CUT_SHORT: u8 = 3;

/// A gateway that was told to end while it starts gets so long to open what it then closes in good order. Nothing is lost after that: it
/// serves nobody, and its database takes a sudden end.
const START_TIME: Duration = Duration::from_secs(2);

/// What a process does at a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    /// Its command line is not read yet: signals are remembered.
    #[default]
    Unknown,
    /// It runs one command: it ends at once, as if it had no handler.
    Command,
    /// What it runs looks after signals by itself.
    Own,
    /// It is a gateway that starts.
    Starting,
    /// It is a gateway that serves: the orderly way down is the server's business.
    Serving,
}

/// How often the process was asked to end, and by what signal the last time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// How often.
    pub(super) times: u32,
    /// The signal's name.
    pub(super) name: &'static str,
    number: u8,
}

/// The signals of this process. SIGTERM, SIGINT and SIGQUIT ask it to end. SIGHUP ends single commands only; a gateway ignores it, unless some
/// part of it listens for it.
#[derive(Clone, Debug)]
pub struct Signals {
    asked: Arc<watch::Sender<Asked>>,
    role: Arc<watch::Sender<Role>>,
}

impl Signals {
    /// Catches signals from here on, on a thread of its own. To be called first of all.
    ///
    /// # Errors
    /// When the thread cannot be started, or the system refuses a handler.
    pub fn install() -> io::Result<Signals> {
        let signals = Signals { asked: Arc::default(), role: Arc::default() };
        let listener = signals.clone();
        let (installed, answer) = mpsc::sync_channel(1);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                // The one who asks waits for it.
                Err(error) => return drop(installed.send(Err(error))),
            };
            runtime.block_on(async {
                match Caught::new() {
                    Ok(caught) => {
                        let _ = installed.send(Ok(()));
                        listener.listen(caught).await;
                    }
                    Err(error) => drop(installed.send(Err(error))),
                }
            });
        })?;
        answer.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that catches signals has ended")))?;
        Ok(signals)
    }

    /// This process runs one command, which any signal ends at once, with 128 and the signal's number as its status.
    pub fn end_at_once(&self) {
        self.role.send_replace(Role::Command);
    }

    /// What this process runs catches signals by itself.
    pub fn leave_alone(&self) {
        self.role.send_replace(Role::Own);
    }

    /// This process is a gateway, and starts. The first signal ends it as soon as it could serve, and after two seconds in any case; the second
    /// one at once.
    pub fn starting(&self) {
        self.role.send_replace(Role::Starting);
    }

    /// The gateway serves from here on, and does by itself what signals ask for.
    pub(super) fn serving(&self) {
        self.role.send_replace(Role::Serving);
    }

    /// How often the process was asked to end so far.
    pub(super) fn asked(&self) -> Asked {
        *self.asked.borrow()
    }

    /// Waits until the process is asked to end.
    pub(super) async fn asked_to_end(&self) {
        // The sender lives in `self`.
        let _ = self.asked.subscribe().wait_for(|asked| asked.times > 0).await;
    }

    async fn listen(self, mut caught: Caught) {
        let mut role = self.role.subscribe();
        let mut start_until = None;
        loop {
            match *role.borrow_and_update() {
                Role::Command if self.asked().times > 0 => process::exit(128 + i32::from(self.asked().number)),
                Role::Command if caught.hung_up => process::exit(128 + SignalKind::hangup().as_raw_value()),
                Role::Starting if self.asked().times > 1 => give_up_starting(),
                Role::Starting if self.asked().times > 0 => {
                    start_until.get_or_insert_with(|| Instant::now() + START_TIME);
                }
                _ => start_until = None,
            }
            tokio::select! {
                // Not a pattern of the select: a hang-up would disable the branch, and the next signal would not be heard.
                signal = caught.next() => if let Some((name, number)) = signal {
                    self.asked.send_modify(|asked| {
                        *asked = Asked { times: asked.times.saturating_add(1), name, number };
                    });
                },
                _ = role.changed() => {}
                () = at(start_until) => give_up_starting(),
            }
        }
    }
}

/// Resolves at that moment; never without one.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn give_up_starting() -> ! {
    log::warn!("ended while it was starting");
    log::logger().flush();
    process::exit(i32::from(CUT_SHORT))
}

/// The handlers.
struct Caught {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    hung_up: bool,
}

impl Caught {
    fn new() -> io::Result<Caught> {
        Ok(Caught {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            hung_up: false,
        })
    }

    /// The next signal that asks the process to end: its name and number. `None` is one that does not.
    async fn next(&mut self) -> Option<(&'static str, u8)> {
        tokio::select! {
            _ = self.terminate.recv() => Some(("SIGTERM", 15)),
            _ = self.interrupt.recv() => Some(("SIGINT", 2)),
            _ = self.quit.recv() => Some(("SIGQUIT", 3)),
            _ = self.hangup.recv() => {
                self.hung_up = true;
                None
            }
        }
    }
}
