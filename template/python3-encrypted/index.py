"""The script that the watchdog starts: verifies the sealed file, then serves HTTP."""

from faas_sealed.runtime.main import main

if __name__ == "__main__":
    main()
