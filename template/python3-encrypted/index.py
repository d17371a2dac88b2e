"""The function's process: verifies the sealed file, then serves HTTP for the watchdog."""

from faas_sealed.runtime.main import main

if __name__ == "__main__":
    main()
