module imports

go 1.26
